"""Tables for a terminal: stored texts, and what holds for all of them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from sgl_cli.bench.output.facts import load as load_words
from sgl_cli.bench.output.table import print_outcomes, print_run, print_sweep
from sgl_cli.bench.result import Result

from .output_cases import Shown, environment, golden, levels, nothing, one_run, open_loop, outcomes, shown
from .record import GOLDEN
from .synthetic import answer, facts_with, failed, result_of, run_of

TEXTS = golden()
RUN, OPEN, SWEEP = one_run(), open_loop(), levels()


def run_text(result: Result, columns: int = 80, encoding: str = "utf-8", color: bool = False) -> str:
    return shown(lambda stream: print_run(result, stream), columns=columns, encoding=encoding, color=color)


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_as_stored(name: str) -> None:
    """``python -m tests.unit.bench.record`` writes them anew; look at the difference before you commit it."""
    assert TEXTS[name]() == (GOLDEN / name).read_text(encoding="utf-8")


def test_nothing_is_stored_that_is_not_compared() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == TEXTS.keys()


@pytest.mark.parametrize("columns", [30, 40, 60, 80, 100, 120, 200])
@pytest.mark.parametrize("result", [RUN, OPEN, nothing()], ids=["run", "open", "nothing"])
def test_no_line_is_wider_than_the_terminal_nor_ends_in_blanks(result: Result, columns: int) -> None:
    for line in run_text(result, columns).splitlines():
        assert len(line) <= columns
        assert line == line.rstrip()


@pytest.mark.parametrize("columns", [80, 120])
def test_a_sweep_fits(columns: int) -> None:
    text = shown(lambda stream: print_sweep(SWEEP, stream), columns=columns)
    assert max(map(len, text.splitlines())) <= columns
    assert "knee at concurrency 16" in text


def test_numbers_are_never_cut() -> None:
    """A figure that lost its last digits would be a lie."""
    assert "…" not in run_text(RUN, 40)


def test_colours_change_nothing_but_the_colour() -> None:
    colored = run_text(RUN, color=True)
    assert "\x1b[" in colored
    bare = "\n".join(line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", colored).split("\n"))
    assert bare == run_text(RUN)


def test_a_stream_without_unicode_gets_ascii() -> None:
    assert run_text(RUN, encoding="ascii").isascii()


def test_a_pipe_gets_80_columns_without_colours() -> None:
    with environment(200):
        stream = Shown()
        print_run(RUN, stream)
    assert stream.text() == run_text(RUN)


def test_text_from_a_server_drives_no_terminal() -> None:
    nasty = "[red]x[/red] :smile: \x1b[2J\x1b]0;title\x07 a\nb \u202e c"
    facts = replace(RUN.facts, name=nasty, server={"model": nasty, "url": nasty}, dataset={"name": nasty})
    text = run_text(result_of(run_of([failed(0, 1, nasty)], concurrency=1), facts), 200)
    assert "[red]x[/red] :smile:" in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "title" not in text


def test_a_percentile_is_n_a_with_the_reason() -> None:
    text = run_text(OPEN)
    assert "have 30 samples; p90 takes 100, p95 takes 200" in " ".join(text.split())
    assert re.search(r"TTFT +50\.00 +50\.00 +n/a", text)


def test_what_a_reader_must_know_is_said() -> None:
    text = run_text(OPEN, 120)
    assert "! the run was cut short" in text
    assert "the server does not count tokens: in 30 answers chunks were counted" in text
    assert "TTFT from schedule" in text
    assert "! every request failed" in run_text(nothing())
    assert "! 3 of 1,203 requests failed" in run_text(RUN)


def test_random_prompts_that_were_cached_are_remarked_on() -> None:
    cached, fresh = (run_of([answer(cached_tokens=tokens, input_tokens=100)] * 3) for tokens in (75, 2))
    ids, words = (
        facts_with(dataset={"name": "random", "content": content}) for content in ("token ids 1000-2047", "words")
    )
    assert "! 75 % of the random prompts' tokens were in the server's cache" in run_text(result_of(cached, ids), 200)
    assert "random prompts" not in run_text(result_of(fresh, ids), 200)
    assert "random prompts" not in run_text(result_of(cached, words), 200)  # They share a chat's template.


def test_each_assertion_is_a_line() -> None:
    lines = shown(lambda stream: print_outcomes(outcomes(RUN), stream)).splitlines()
    assert [line.split()[0] for line in lines] == ["pass", "pass", "FAIL"]


@pytest.mark.parametrize(
    ("load", "config", "words"),
    [
        ((8, None), {}, "concurrency 8"),
        ((None, 2.5), {}, "2.5 req/s"),
        ((64, 2.5), {"arrival": "poisson"}, "2.5 req/s, Poisson, at most 64 at a time"),
        ((None, None), {"arrival": "trace"}, "at the times of the trace"),
        ((None, None), {"arrival": "poisson", "ramp": {"start": 1, "end": 10.5}}, "1 to 10.5 req/s"),
        ((None, None), {}, "no bound"),
        ((8, None), {"arrival": [], "ramp": {"start": "x"}}, "concurrency 8"),
    ],
)
def test_the_load_in_words(load: tuple[float | None, float | None], config: dict[str, Any], words: str) -> None:
    facts = replace(RUN.facts, config={"load": config})
    result = replace(RUN, facts=facts, load=dict(zip(("concurrency", "rate"), load, strict=True)))
    assert load_words(result) == words
