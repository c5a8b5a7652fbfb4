"""Service level objectives: limits on the times of one request, and how many requests keep to them.

As in vLLM and SGLang an answer of one token has a TPOT of 0, and a request is good when it keeps to all limits. A
failed request keeps to none. In an open loop TTFT and E2EL count from the scheduled time: a user whose request the
client could not send waits all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from sgl.errors import UsageError, echo

from .duration import parse_seconds
from .latency import Latency
from .percentiles import PERMILLE, weighted_quantile

WHOLE: Final = ("ttft", "tpot", "ntpot", "e2el")
"""Metrics that a request has one of."""

GAPS: Final = ("itl", "icl")
"""Metrics that a request has many of: a statistic follows, p99 when none does."""

GAP_STATS: Final = (*PERMILLE, "mean", "max")

PRESETS: Final[Mapping[str, tuple[str, ...]]] = {
    "chat": ("ttft:200ms", "itl_p99:50ms"),
    "code": ("ttft:500ms", "itl_p99:150ms"),
    "content": ("ttft:600ms", "itl_p99:200ms"),
    "rag": ("ttft:300ms", "e2el:3s"),
}
"""What users of four kinds of application are known to expect."""


@dataclass(frozen=True, slots=True)
class Slo:
    """One limit.

    Attributes:
        metric: Of `WHOLE` or `GAPS`.
        limit: In seconds; a request that takes exactly so long is good.
        stat: Of `GAP_STATS` for a metric with many values a request; empty otherwise.
    """

    metric: str
    limit: float
    stat: str = ""

    @property
    def name(self) -> str:
        """As it is written: ``itl_p99``."""
        return f"{self.metric}_{self.stat}" if self.stat else self.metric

    def value(self, latency: Latency) -> float:
        """Seconds of one request; 0 where it has no such time, infinite when there was no answer at all."""
        if self.metric == "itl":
            return _of_gaps(latency.token_gaps(), self.stat)
        if self.metric == "icl":
            return _of_gaps(((gap, 1) for gap in latency.chunk_gaps()), self.stat)
        if self.metric == "tpot":
            return latency.tpot or 0.0
        if self.metric == "ntpot":
            return latency.ntpot or 0.0
        delay = latency.send_delay or 0.0
        if self.metric == "e2el":
            return latency.e2el + delay
        return float("inf") if latency.ttft is None else latency.ttft + delay


@dataclass(frozen=True, slots=True)
class Goodput:
    """How many requests kept to the limits.

    Attributes:
        slos: The limits.
        good: Requests that kept to all of them.
        sent: Requests sent, failed ones among them.
        goodput: `good` per second of the run.
        per_slo: Requests that kept to each limit, in the order of `slos`.
    """

    slos: tuple[Slo, ...]
    good: int
    sent: int
    goodput: float
    per_slo: tuple[int, ...]

    @property
    def attainment(self) -> float:
        """`good` of `sent`, 0..1; 0 when nothing was sent."""
        return self.good / self.sent if self.sent else 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "goodput_req_s": self.goodput,
            "attainment": self.attainment,
            "good": self.good,
            "sent": self.sent,
            "per_slo": {
                slo.name: {"limit_ms": slo.limit * 1000, "attainment": kept / self.sent if self.sent else 0.0}
                for slo, kept in zip(self.slos, self.per_slo, strict=True)
            },
        }


def parse_slos(specs: Iterable[str]) -> tuple[Slo, ...]:
    """``["ttft:200", "tpot:25 e2el:3s"]``, or the name of a preset; bare numbers are milliseconds.

    Raises:
        UsageError: One is none of it, or a metric has two limits.
    """
    words = [word for spec in specs for word in spec.replace(",", " ").split()]
    parts = [part for word in words for part in PRESETS.get(word, (word,))]
    slos = tuple(_parse_slo(part) for part in parts)
    names = [slo.name for slo in slos]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name} has two limits", hint="give each metric one")
    return slos


def goodput(answered: Sequence[Latency], slos: Sequence[Slo], sent: int, duration: float) -> Goodput:
    """Counts the requests that keep to the limits; ``sent`` includes those that failed."""
    kept = [[slo.value(latency) <= slo.limit for slo in slos] for latency in answered]
    good = sum(all(marks) for marks in kept)
    per_slo = tuple(sum(marks[number] for marks in kept) for number in range(len(slos)))
    return Goodput(tuple(slos), good, sent, good / duration if duration > 0 else 0.0, per_slo)


def _of_gaps(gaps: Iterable[tuple[float, int]], stat: str) -> float:
    found = [pair for pair in gaps if pair[1]]
    if not found:
        return 0.0
    if stat == "max":
        return max(gap for gap, _ in found)
    if stat == "mean":
        return sum(gap * count for gap, count in found) / sum(count for _, count in found)
    return weighted_quantile(found, PERMILLE[stat] / 1000) or 0.0


def _parse_slo(text: str) -> Slo:
    name, separator, limit = text.partition(":")
    metric, _, stat = name.lower().replace(".p", "_p", 1).partition("_")
    if metric not in (*WHOLE, *GAPS):
        raise UsageError(f"{echo(text)} is no service level objective", hint=_suggestion(metric))
    if metric in GAPS:
        stat = stat or "p99"
        if stat not in GAP_STATS:
            raise UsageError(f"{echo(name)} has no such statistic", hint=f"{metric}_ takes {', '.join(GAP_STATS)}")
    elif stat:
        hint = f"a request has one {metric}; write {metric}:{limit or '200'}"
        raise UsageError(f"{echo(name)} is not of a single request", hint=hint)
    seconds = parse_seconds(limit) if separator else None
    if seconds is None:
        raise UsageError(f"{echo(text)} needs a limit", hint=f"write {name}:200 for 200 ms, or {name}:3s")
    return Slo(metric, seconds, stat)


def _suggestion(metric: str) -> str:
    near = get_close_matches(metric, (*WHOLE, *GAPS, *PRESETS), n=1)
    return f"did you mean {near[0]}?" if near else "write ttft:200, tpot:25, itl_p99:50 or e2el:3s"
