"""Better, worse, or noise."""

from __future__ import annotations

from typing import Literal

from ..metrics.definitions import Better
from .bootstrap import Interval

Verdict = Literal["better", "worse", "noise", "unknown"]
"""Of a new run against a base. Noise: the interval of the ratio holds 1. Unknown: there is no interval."""


def judge(interval: Interval | None, better: Better) -> Verdict:
    """What an interval of new / base says of a metric whose good direction is known."""
    if interval is None or better == "neither":
        return "unknown"
    if interval.low <= 1 <= interval.high:
        return "noise"
    return "better" if (interval.low > 1) == (better == "higher") else "worse"
