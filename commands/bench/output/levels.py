"""A sweep: one row for each level of load."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from ..result import Result
from . import words
from .facts import load
from .knee import find_knee, is_sweep
from .lookup import number, part, text

HEADINGS: Final = (
    "Load",
    "req/s",
    "out tok/s",
    "tok/s a user",
    "TTFT p50",
    "TTFT p99",
    "TPOT p50",
    "TPOT p99",
    "failed",
)
_KINDS: Final = {"concurrency": "load is requests at a time; ", "rate": "load is requests sent per second; "}


class LevelRow(NamedTuple):
    """One level as text, in the order of `HEADINGS`."""

    cells: tuple[str, ...]
    knee: bool


def legend(levels: Sequence[Result]) -> str:
    """What the columns are."""
    kind = _KINDS.get(_kind(levels), "")
    return f"{kind}times in ms; throughput of the steady state, if any"


def level_rows(levels: Sequence[Result]) -> list[LevelRow]:
    """In the order they were run. Throughput is that of the steady state, where there is one."""
    knee = find_knee(levels)
    return [LevelRow((label(level, levels), *_cells(level)), place == knee) for place, level in enumerate(levels)]


def knee_line(levels: Sequence[Result]) -> str:
    """Where the knee is, in words; empty for what is no sweep."""
    if not is_sweep(levels):
        return ""
    knee = find_knee(levels)
    if knee is None:
        return "no knee: throughput still grew faster than latency at the last level"
    return f"knee at {load(levels[knee])}: above it latency grows faster than throughput"


def label(level: Result, levels: Sequence[Result]) -> str:
    """The load of one level among the others: a number where all of them differ in the same; side and round of two
    servers that were asked in turns."""
    if turn := _turn(level):
        return turn
    value = number(level.load, _kind(levels))
    return load(level) if value is None else f"{value:,.4g}"


def name(level: Result) -> str:
    """The load of one level, and which turn it was of two servers, by itself."""
    return ", ".join(filter(None, (_turn(level), load(level))))


def throughput(level: Result, key: str) -> float | None:
    """``req_s`` or ``out_tok_s`` of the steady state, else of the whole run."""
    within = number(level.steady_state, key)
    return number(level.summary, key) if within is None else within


def _kind(levels: Sequence[Result]) -> str:
    """What the levels differ in: ``concurrency`` or ``rate``; ``load`` when that is not one of both."""
    for kind in ("rate", "concurrency"):
        if not any(map(_turn, levels)) and all(number(level.load, kind) is not None for level in levels):
            return kind
    return "load"


def _turn(level: Result) -> str:
    """``A 1`` for the first round of the first of two servers; empty in other runs."""
    turn = part(level.facts.config, "versus")
    return f"{text(turn, 'side')} {text(turn, 'round')}".strip()


def _cells(level: Result) -> tuple[str, ...]:
    summary = level.summary
    times = [_time(level, key, stat) for key in ("ttft_ms", "tpot_ms") for stat in ("p50", "p99")]
    return (
        words.plain(throughput(level, "req_s")),
        words.plain(throughput(level, "out_tok_s")),
        words.plain(number(summary, "user_tok_s", "p50")),
        *times,
        words.count(number(summary, "requests", "failed")),
    )


def _time(level: Result, key: str, stat: str) -> str:
    value = number(level.summary, key, stat)
    return words.NOT_GIVEN if value is None and level.summary.get(key) else words.plain(value)
