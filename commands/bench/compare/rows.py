"""`Row`: one metric of two runs, with its ratio, how sure that is, and what follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..metrics.definitions import Choice, choose
from ..metrics.reading import read
from ..result import Result
from .bootstrap import Interval
from .compatible import check_compatible
from .intervals import interval_of
from .verdict import Verdict, judge

# fmt: off
ROWS: Final = (
    "out_tok_s", "steady_out_tok_s", "req_s",
    "ttft.p50", "ttft.p99", "tpot.p50", "tpot.p99", "itl.p50", "itl.p99", "icl.p99", "e2el.p50", "e2el.p99",
    "ttft_scheduled.p50", "ttft_scheduled.p99",
    "goodput", "slo_attainment", "error_rate", "cache_hit",
)
# fmt: on
"""What is compared unless asked otherwise; a row that neither run has is left out."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a comparison.

    Attributes:
        choice: The metric and its statistic.
        base: Its value in the older run, in the metric's unit; None when that does not have it.
        new: In the newer run.
        interval: Of new / base, 95 %; None when it cannot be told.
        verdict: What the interval says.
        how: Where the interval comes from, or why there is none.
    """

    choice: Choice
    base: float | None
    new: float | None
    interval: Interval | None
    verdict: Verdict
    how: str

    @property
    def ratio(self) -> float | None:
        """new / base; None when either is missing or the base is 0."""
        return None if self.base is None or self.new is None or not self.base else self.new / self.base

    @property
    def change(self) -> float | None:
        """``ratio`` - 1: 0.1 is 10 % more."""
        return None if self.ratio is None else self.ratio - 1

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "metric": self.choice.name,
            "unit": self.choice.metric.unit,
            "better": self.choice.metric.better,
            "base": self.base,
            "new": self.new,
            "ratio": self.ratio,
            "ratio_interval": None if self.interval is None else list(self.interval),
            "verdict": self.verdict,
            "how": self.how,
        }


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side.

    Attributes:
        rows: The metrics that at least one of them has.
        notes: What a reader has to know.
    """

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def row(self, choice: Choice) -> Row | None:
        """The row of a metric; None when it was not compared."""
        return next((row for row in self.rows if row.choice.name == choice.name), None)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"rows": [row.to_json() for row in self.rows], "notes": list(self.notes)}


def compare_results(
    base: Result, new: Result, force: bool = False, more: Iterable[Choice] = (), names: Sequence[str] = ROWS
) -> Comparison:
    """Compares two results.

    Args:
        base: The older one.
        new: The newer one.
        force: Whether to compare what has other prompts, another model or another GPU.
        more: Metrics besides ``names``, such as those of rules.
        names: Metrics to compare.

    Raises:
        UsageError: They must not be compared.
    """
    notes = check_compatible(base, new, force)
    if base.limits != new.limits:
        notes.append("the service level objectives differ, and with them what goodput means")
    rows = []
    for choice in choices(names, more):
        values = read(base.document, choice), read(new.document, choice)
        if values[0].value is None and values[1].value is None:
            continue
        if values[0].value is None or values[1].value is None:
            side, why = ("base", values[0].why) if values[0].value is None else ("new", values[1].why)
            rows.append(Row(choice, values[0].value, values[1].value, None, "unknown", f"{side}: {why}"))
            continue
        interval, how = interval_of(choice, base, new)
        verdict = judge(interval, choice.metric.better)
        rows.append(Row(choice, values[0].value, values[1].value, interval, verdict, how))
    return Comparison(tuple(rows), tuple(notes))


def choices(names: Iterable[str], more: Iterable[Choice]) -> list[Choice]:
    """Each metric once, in order."""
    found: Mapping[str, Choice] = {choice.name: choice for choice in (*map(choose, names), *more)}
    return list(found.values())
