"""A comparison of two runs: one row for each metric."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from ..compare.bootstrap import Interval
from ..compare.rows import Comparison, Row
from ..compare.verdict import Verdict
from . import words

HEADINGS: Final = ("Metric", "Base", "New", "Change", "95 % interval, %", "Verdict")


class ChangeRow(NamedTuple):
    """One metric as text, in the order of `HEADINGS`; ``how``: where the interval comes from, or why there is none."""

    cells: tuple[str, ...]
    verdict: Verdict
    how: str


def change_rows(comparison: Comparison) -> list[ChangeRow]:
    """In the order of the comparison."""
    return [ChangeRow(_cells(row), row.verdict, row.how) for row in comparison.rows]


def verdict_line(comparison: Comparison) -> str:
    """How many metrics are better and worse, in words."""
    counts = Counter(row.verdict for row in comparison.rows)
    named = [f"{counts[verdict]} {verdict}" for verdict in ("better", "worse", "noise") if counts[verdict]]
    unknown = [f"{counts['unknown']} without a verdict"] if counts["unknown"] else []
    return ", ".join([*named, *unknown]) or "nothing to compare"


def _cells(row: Row) -> tuple[str, ...]:
    metric, stat = row.choice
    name = f"{metric.label} {stat}" if stat else metric.label
    # A label that ends on its unit needs no second one.
    unit = "" if metric.unit == "share" or metric.label.endswith("/s") else f", {metric.unit}"
    return (
        name + unit,
        words.in_unit(row.base, metric.unit),
        words.in_unit(row.new, metric.unit),
        words.signed_percent(row.change),
        _interval(row.interval if row.change is not None else None),
        words.MISSING if row.verdict == "unknown" else row.verdict,
    )


def _interval(interval: Interval | None) -> str:
    """Of the change, not of the ratio."""
    if interval is None:
        return words.MISSING
    low, high = (f"{100 * (end - 1):+,.1f}" for end in interval)
    return f"{low} .. {high}"
