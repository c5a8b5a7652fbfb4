"""Requests in flight over time: the load that a run really put on the server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..record import Record


@dataclass(frozen=True, slots=True)
class Level:
    """A span of time in which the number of requests in flight does not change.

    Attributes:
        start: In seconds after the run's start.
        end: The same.
        requests: In flight; failed ones count while they last.
    """

    start: float
    end: float
    requests: int


def levels(records: Iterable[Record]) -> list[Level]:
    """The whole run as spans in order. A request that ends the moment another begins leaves no dip."""
    changes: Counter[float] = Counter()
    for record in records:
        changes[record.sent] += 1
        changes[record.ended] -= 1
    times = sorted(changes)
    found, requests = [], 0
    for start, end in pairwise(times):
        requests += changes[start]
        found.append(Level(start, end, requests))
    return found


def peak(spans: Sequence[Level]) -> int:
    """Most requests in flight at once."""
    return max((span.requests for span in spans), default=0)


def mean_within(spans: Iterable[Level], start: float, end: float) -> float:
    """Requests in flight on average over time between ``start`` and ``end``, which is later."""
    busy = sum(max(0.0, min(span.end, end) - max(span.start, start)) * span.requests for span in spans if span.requests)
    return busy / (end - start)
