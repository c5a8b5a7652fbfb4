"""The block of latencies: a row for each time, a column for each statistic, and why a percentile is not given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from ..metrics.definitions import BY_NAME
from ..metrics.percentiles import PERMILLE, needed
from ..result import Result
from . import words
from .lookup import number, part

SHOWN: Final = ("ttft", "tpot", "itl", "icl", "e2el")
OPEN_LOOP: Final = ("ttft_scheduled", "e2el_scheduled", "send_delay")
"""Only runs with a schedule have these."""

STATS: Final = ("mean", "p50", "p90", "p95", "p99", "max")
ALL_STATS: Final = ("mean", "std", "min", "p50", "p90", "p95", "p99", "p99.9", "max")
FEW_STATS: Final = ("p50", "p99")


class LatencyRow(NamedTuple):
    """One time in milliseconds, as text; ``cells`` are those of the statistics that were asked for."""

    label: str
    cells: tuple[str, ...]
    observations: str


def latency_rows(result: Result, stats: Sequence[str] = STATS) -> list[LatencyRow]:
    """The five times of every run, and those of an open loop where it is one."""
    rows = []
    for name in (*SHOWN, *OPEN_LOOP):
        metric = BY_NAME[name]
        spread = part(result.summary, *metric.path[1:])
        if spread or name in SHOWN:
            cells = tuple(_cell(number(spread, stat), stat, bool(spread)) for stat in stats)
            rows.append(LatencyRow(metric.label, cells, words.count(number(spread, "observations"))))
    return rows


def latency_notes(result: Result, stats: Sequence[str] = STATS) -> list[str]:
    """Why there are gaps: one line for the times that have the same of them."""
    short: dict[tuple[float | None, tuple[str, ...]], list[str]] = {}
    for name in (*SHOWN, *OPEN_LOOP):
        metric = BY_NAME[name]
        spread = part(result.summary, *metric.path[1:])
        missing = tuple(stat for stat in stats if stat in PERMILLE and number(spread, stat) is None)
        if spread and missing:
            short.setdefault((number(spread, "observations"), missing), []).append(metric.label)
    notes = []
    for (observations, missing), labels in short.items():
        takes = ", ".join(f"{stat} takes {needed(stat):,}" for stat in missing)
        notes.append(f"{words.NOT_GIVEN}: {_list(labels)} {_has(labels)} {words.count(observations)} samples; {takes}")
    absent = [BY_NAME[name].label for name in SHOWN if not part(result.summary, *BY_NAME[name].path[1:])]
    if absent:
        notes.append(f"{words.MISSING}: no answer has a {_list(absent, 'or')}")
    return notes


def _cell(value: float | None, stat: str, there: bool) -> str:
    return words.NOT_GIVEN if there and value is None and stat in PERMILLE else words.plain(value)


def _list(labels: Iterable[str], last: str = "and") -> str:
    *most, end = labels
    return f"{', '.join(most)} {last} {end}" if most else end


def _has(labels: Sequence[str]) -> str:
    return "has" if len(labels) == 1 else "have"
