"""The knee of a sweep: the load after which more of it buys mostly waiting.

It is the level with the most power, which is throughput divided by latency (Kleinrock 1979): below it throughput
grows faster than latency does, above it the other way round. No threshold has to be chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..result import Result
from .lookup import number

FEWEST: Final = 3
"""Levels; two have no knee between them."""


def power(result: Result) -> float | None:
    """Output tokens per second divided by mean E2EL in seconds; None in a run without an answer."""
    throughput, latency = number(result.steady_state, "out_tok_s"), number(result.summary, "e2el_ms", "mean")
    throughput = number(result.summary, "out_tok_s") if throughput is None else throughput
    return None if throughput is None or not latency or latency < 0 else throughput / latency * 1000


def find_knee(levels: Sequence[Result]) -> int | None:
    """Which level is the knee; None for what is no sweep, and when the last level is best: it was not reached."""
    powers = [power(level) or 0.0 for level in levels]
    if not is_sweep(levels) or not any(powers):
        return None
    best = powers.index(max(powers))
    return None if best == len(powers) - 1 else best


def is_sweep(levels: Sequence[Result]) -> bool:
    """Whether runs differ in their load, and there are enough of them; rounds of one load have no knee."""
    loads = {(number(level.load, "concurrency"), number(level.load, "rate")) for level in levels}
    return len(loads) == len(levels) >= FEWEST
