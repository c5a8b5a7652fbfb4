"""The page: whole, of its own, escaped, and quick to make."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from sgl_cli.bench.output.charts import MOST_DOTS, knee_plot, run_plots
from sgl_cli.bench.output.html import html_text
from sgl_cli.bench.result import Result

from .output_cases import comparison, huge, levels, nothing, one_run, open_loop, outcomes, rounds
from .synthetic import failed, result_of, run_of

VOID = {"meta", "br"}


class Page(HTMLParser):
    """Holds that every element is closed where it was opened, and notes what there is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.found[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, key, value in self.attributes if key == name]


RUN, SWEEP = one_run(), levels()
PAGES = {
    "run": html_text([RUN], outcomes(RUN)),
    "open": html_text([open_loop()]),
    "nothing": html_text([nothing()]),
    "sweep": html_text(SWEEP),
    "rounds": html_text(rounds(), comparison=comparison()),
    "failed sweep": html_text([nothing(), nothing(), RUN]),
}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_whole_and_needs_nothing_else(name: str) -> None:
    page = Page(PAGES[name])
    assert not page.found.keys() & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a", "use"}
    assert not {key for _, key, _ in page.attributes} & {"src", "href", "xlink:href", "srcset", "style"}
    assert not [key for _, key, _ in page.attributes if key.startswith("on")]
    assert "url(" not in PAGES[name]
    assert "@import" not in PAGES[name]


@pytest.mark.parametrize("name", PAGES)
def test_plots_have_titles_and_finite_places(name: str) -> None:
    page = Page(PAGES[name])
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    for names in page.values("aria-labelledby"):
        assert set(names.split()) <= set(ids)
    assert page.found["svg"] == page.found["desc"] == len(page.values("aria-labelledby"))
    for key in ("d", "x", "y", "cx", "cy", "x1", "x2", "y1", "y2"):
        for value in page.values(key):
            assert re.fullmatch(r"[MLHV0-9. ]+", value), value
            assert all(0 <= float(number) <= 640 for number in re.findall(r"[\d.]+", value)), value


def test_a_run_has_its_plots() -> None:
    assert [plot.id for plot in run_plots(RUN, "r")] == [
        "r-throughput",
        "r-flight",
        "r-ttft",
        "r-tpot",
        "r-e2el",
        "r-input",
    ]
    assert run_plots(nothing(), "r") == []


def test_a_distribution_goes_from_none_to_all() -> None:
    plot = run_plots(RUN, "r")[2]
    (series,) = plot.series
    assert series.points[0][1] == 0.0
    assert series.points[-1] == (max(RUN.samples.known("ttft_ms")), 100.0)
    assert [y for _, y in series.points] == sorted(y for _, y in series.points)
    middle = min(series.points, key=lambda point: abs(point[1] - 50))
    assert middle[0] == pytest.approx(RUN.summary["ttft_ms"]["p50"], rel=0.02)


def test_the_knee_is_circled() -> None:
    plot = knee_plot(SWEEP, "s")
    assert plot is not None
    assert plot.marked == plot.series[0].points[2]
    assert plot.series[0].labels == ["1", "4", "16", "64"]
    assert [series.name for series in plot.series] == ["TTFT p50", "TTFT p95"]
    assert knee_plot(SWEEP[:1], "s") is None


def test_rounds_of_two_servers_are_no_sweep() -> None:
    texts = "|".join(Page(PAGES["rounds"]).texts)
    assert "knee at" not in texts
    assert "no knee" not in texts
    assert "|A 1|" in texts
    assert "|B 2, concurrency 8|" in texts
    assert "Comparison" in texts


def test_text_from_elsewhere_is_only_text() -> None:
    nasty = "</style><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
    facts = replace(
        RUN.facts,
        name=nasty,
        sgl_version=nasty,
        server={"model": nasty, nasty: nasty},
        client={"cmdline": [nasty]},
        dataset={"name": nasty, "sha256": nasty},
    )
    text = html_text([replace(result_of(run_of([failed(0, 1, nasty)], concurrency=1), facts), started=nasty)])
    page = Page(text)
    assert not page.found.keys() & {"script", "img"}
    assert any(nasty in data for data in page.texts)


def test_the_command_can_be_copied() -> None:
    assert "sgl bench --concurrency 8 --name 'a b'" in "".join(Page(PAGES["run"]).texts)


def test_light_and_dark() -> None:
    assert "prefers-color-scheme: dark" in PAGES["run"]


@pytest.fixture(scope="module")
def many() -> Result:
    return huge()


def test_ten_thousand_requests_take_a_moment(many: Result) -> None:
    start = time.process_time()
    text = html_text([many])
    assert time.process_time() - start < 2
    assert len(text) < 1_000_000
    assert Page(text).found["circle"] == MOST_DOTS
