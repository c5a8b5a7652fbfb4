"""`Spread`: several measured times of one thing as the middle and the edges of what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """Times of one thing, in seconds.

    Attributes:
        count: How many were measured.
        p10: A tenth of them is below; linear between two times, as numpy does it.
        median: Half of them is below.
        p90: A tenth of them is above.
    """

    count: int
    p10: float
    median: float
    p90: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        """Of measured times.

        Raises:
            ValueError: There are none.
        """
        if not seconds:
            raise ValueError("nothing was measured")
        ordered = sorted(seconds)
        return cls(len(ordered), *(_quantile(ordered, share) for share in (0.1, 0.5, 0.9)))

    def to_json(self) -> dict[str, Any]:
        """Plain values; times are in seconds."""
        return {"count": self.count, "p10_s": self.p10, "median_s": self.median, "p90_s": self.p90}


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
