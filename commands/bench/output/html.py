"""One page about a run or a sweep. It needs nothing else: no script, no font, no server, no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ..compare.outcome import Outcome
from ..compare.rows import Comparison
from ..metrics.definitions import METRICS
from ..result import Result
from . import changes, levels
from .charts import knee_plot, run_plots
from .explain import rules
from .facts import command, facts, settings, shared_facts, title
from .figures import figure_rows, steady_note
from .html_style import STYLE
from .latencies import ALL_STATS, latency_notes, latency_rows
from .lookup import cleaned
from .markup import Markup, element, joined, style_sheet
from .objectives import goodput, objective_rows, outcome_rows
from .plot import side_by_side
from .server_side import server_facts
from .trouble import client_line, error_rows, sweep_warnings, warnings

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""Whatever a result holds, a browser loads nothing and runs nothing."""


def html_text(results: Sequence[Result], outcomes: Iterable[Outcome] = (), comparison: Comparison | None = None) -> str:
    """The page of one run, or of the runs of a sweep; there is at least one.

    Args:
        results: The runs.
        outcomes: Of assertions.
        comparison: Of two servers that were asked in turns, which the runs are.
    """
    first = results[0]
    name = f"sgl bench: {title(first)}"
    single = len(results) == 1
    body = [
        element("h1", name),
        _table(facts(first) if single else shared_facts(results), class_="facts"),
        *_outcomes(outcomes),
        *_compared(comparison),
        *(_run(first, "run") if single else _sweep(results)),
        *_command(first),
        _folded("Settings", _table(settings(first), class_="facts")),
        _folded("What the figures mean", _definitions()),
        element("p", f"Written by sgl {cleaned(first.facts.sgl_version)}.", class_="note"),
    ]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("title", name),
        style_sheet(STYLE),
    )
    return f"<!doctype html>\n{element('html', head, element('body', joined(body, chr(10))), lang='en')}\n"


def _run(result: Result, prefix: str) -> Iterator[Markup]:
    yield from _warnings(warnings(result))
    yield element("h2", "Throughput")
    steady = result.steady_state is not None
    headings = ("", "whole run", "steady state")
    rows = [tuple(row) if steady else tuple(row)[:2] for row in figure_rows(result)]
    yield _numbers(headings if steady else headings[:2], rows)
    yield _note(steady_note(result))
    yield element("h2", "Latency, ms")
    yield _numbers(
        ("", *ALL_STATS, "N"), [(r.label, *r.cells, r.observations) for r in latency_rows(result, ALL_STATS)]
    )
    yield from map(_note, latency_notes(result, ALL_STATS))
    if result.slo is not None:
        yield element("h2", "Objectives")
        yield _numbers(("", "limit", "attained"), objective_rows(result))
        yield _note(goodput(result))
    plots = run_plots(result, prefix)
    if plots:
        yield element("h2", "Plots")
        yield side_by_side(plots)
    errors = error_rows(result)
    if errors:
        yield element("h2", "Errors")
        yield _table([(f"{row.failures} x {row.kind}", row.example) for row in errors])
    server = server_facts(result)
    if server:
        yield element("h2", "The server's own figures")
        yield _table(server, class_="facts")
    client = client_line(result)
    if client:
        yield element("h2", "Client")
        yield _note(client)


def _sweep(results: Sequence[Result]) -> Iterator[Markup]:
    yield from _warnings(sweep_warnings(results))
    yield element("h2", "Runs")
    rows = [(*row.cells, "knee" if row.knee else "") for row in levels.level_rows(results)]
    yield _numbers((*levels.HEADINGS, ""), rows)
    yield _note(levels.legend(results))
    if line := levels.knee_line(results):
        yield _note(line)
    plot = knee_plot(results, "sweep")
    if plot is not None:
        yield side_by_side([plot])
    yield element("h2", "Each run")
    for number, result in enumerate(results):
        yield _folded(levels.name(result), joined(_run(result, f"run{number}")))


def _compared(comparison: Comparison | None) -> Iterator[Markup]:
    if comparison is not None:
        yield element("h2", "Comparison")
        yield _numbers(changes.HEADINGS, [row.cells for row in changes.change_rows(comparison)])
        yield _note(changes.verdict_line(comparison))
        yield from _warnings([cleaned(note) for note in comparison.notes])


def _outcomes(outcomes: Iterable[Outcome]) -> Iterator[Markup]:
    rows = [
        element(
            "tr",
            element("td", "pass" if row.passed else "FAIL", class_="good" if row.passed else "bad"),
            element("td", element("code", row.asked)),
            element("td", row.why),
        )
        for row in outcome_rows(outcomes)
    ]
    if rows:
        yield element("h2", "Assertions")
        yield _scrolled(element("table", element("tbody", *rows)))


def _warnings(lines: Sequence[str]) -> Iterator[Markup]:
    if lines:
        yield element("ul", *(element("li", line) for line in lines), class_="warnings")


def _command(result: Result) -> Iterator[Markup]:
    line = command(result)
    if line:
        yield element("h2", "Command")
        yield element("pre", element("code", line))


def _definitions() -> Markup:
    pairs = [(f"{metric.label}, {metric.unit}", f"{metric.text} From the {metric.source}.") for metric in METRICS]
    entries = (joined((element("dt", name), element("dd", text))) for name, text in (*pairs, *rules()))
    return element("dl", *entries)


def _table(rows: Iterable[Sequence[str]], class_: str | None = None) -> Markup:
    """Labels, and what they say."""
    lines = (element("tr", element("th", name, scope="row"), element("td", value)) for name, value in rows)
    return _scrolled(element("table", element("tbody", *lines), class_=class_))


def _numbers(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """A label in the first column, numbers in the others."""
    first, *others = headings
    head = element("tr", element("th", first), *(element("th", name, scope="col", class_="number") for name in others))
    lines = (
        element("tr", element("th", label, scope="row"), *(element("td", cell, class_="number") for cell in cells))
        for label, *cells in rows
    )
    return _scrolled(element("table", element("thead", head), element("tbody", *lines)))


def _scrolled(table: Markup) -> Markup:
    return element("div", table, class_="scroll")


def _folded(name: str, content: Markup) -> Markup:
    return element("details", element("summary", name), content)


def _note(text: str) -> Markup:
    return element("p", text, class_="note")
