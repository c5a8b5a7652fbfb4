"""`Distribution`: what is said about many samples, and which percentiles the sample allows.

A percentile is interpolated linearly between the two samples next to it, as numpy's default does. It is given only
where at least ten samples lie beyond it: p99 takes 1,000 of them. The p99 of 40 requests is their worst one under
another name.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

PERMILLE: Final = {"p50": 500, "p90": 900, "p95": 950, "p99": 990, "p99.9": 999}
"""The percentiles that are given -> thousandths. Whole numbers: 10 / (1 - 0.99) is more than 1,000 in floats."""

BEYOND: Final = 10
"""Samples that have to lie beyond a percentile."""

STATS: Final = ("mean", "std", "min", "max", *PERMILLE)
"""Everything that can be asked of a distribution."""


def needed(stat: str) -> int:
    """Samples that the percentile ``stat`` takes."""
    return -(-BEYOND * 1000 // (1000 - PERMILLE[stat]))


@dataclass(frozen=True, slots=True)
class Distribution:
    """Samples in numbers, in the unit of the samples.

    Attributes:
        count: Samples, each as often as it weighs.
        observations: Measurements behind them: four tokens that came in one chunk are four samples of one
            measurement. This number decides which percentiles are given.
        mean: Their mean.
        std: Population standard deviation, as numpy's default.
        low: The smallest.
        high: The largest.
        quantiles: Of `PERMILLE` those that the number of observations allows.
        median_interval: 95 % confidence interval of the median from order statistics, which assumes nothing of the
            shape, only that samples are independent; None for weighted samples and where p50 is not given.
    """

    count: int
    observations: int
    mean: float
    std: float
    low: float
    high: float
    quantiles: dict[str, float] = field(default_factory=dict)
    median_interval: tuple[float, float] | None = None

    @property
    def missing(self) -> dict[str, str]:
        """The percentiles that are not given -> why."""
        return {stat: f"N={self.observations}" for stat in PERMILLE if stat not in self.quantiles}

    def to_json(self, scale: float = 1.0) -> dict[str, Any]:
        """Every number times ``scale``; a percentile that is not given is null, and ``missing`` says why."""
        interval = self.median_interval
        return {
            "count": self.count,
            "observations": self.observations,
            "mean": self.mean * scale,
            "std": self.std * scale,
            "min": self.low * scale,
            "max": self.high * scale,
            **{stat: self.quantiles[stat] * scale if stat in self.quantiles else None for stat in PERMILLE},
            "p50_interval": None if interval is None else [bound * scale for bound in interval],
            "missing": self.missing,
        }


def describe(samples: Iterable[float]) -> Distribution | None:
    """The distribution of samples that count once each; None when there are none."""
    ordered = sorted(samples)
    if not ordered:
        return None
    count = len(ordered)
    mean = math.fsum(ordered) / count
    variance = math.fsum((value - mean) ** 2 for value in ordered) / count
    quantiles = {stat: quantile(ordered, part / 1000) for stat, part in PERMILLE.items() if count >= needed(stat)}
    interval = _median_interval(ordered) if "p50" in quantiles else None
    return Distribution(count, count, mean, math.sqrt(variance), ordered[0], ordered[-1], quantiles, interval)


def describe_weighted(samples: Iterable[tuple[float, int]]) -> Distribution | None:
    """The same for (value, how often) pairs, as if each value were there that often; None when there are none."""
    ordered = sorted(pair for pair in samples if pair[1] > 0)
    if not ordered:
        return None
    ends = list(accumulate(weight for _, weight in ordered))
    count, observations = ends[-1], len(ordered)
    mean = math.fsum(value * weight for value, weight in ordered) / count
    variance = math.fsum(weight * (value - mean) ** 2 for value, weight in ordered) / count
    quantiles = {
        stat: _weighted_quantile(ordered, ends, part / 1000)
        for stat, part in PERMILLE.items()
        if observations >= needed(stat)
    }
    return Distribution(count, observations, mean, math.sqrt(variance), ordered[0][0], ordered[-1][0], quantiles)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0..1) of the sorted, non-empty samples lie."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return _between(ordered[below], ordered[above], place - below)


def weighted_quantile(samples: Iterable[tuple[float, int]], share: float) -> float | None:
    """`quantile` of (value, how often) pairs in any order; None when there are none."""
    ordered = sorted(pair for pair in samples if pair[1] > 0)
    return _weighted_quantile(ordered, list(accumulate(weight for _, weight in ordered)), share) if ordered else None


def _weighted_quantile(ordered: Sequence[tuple[float, int]], ends: Sequence[int], share: float) -> float:
    """``ends`` are running sums of the weights: sample number i of the written-out list is at bisect_right(ends, i)."""
    place = share * (ends[-1] - 1)
    below = math.floor(place)
    above = min(below + 1, ends[-1] - 1)
    return _between(
        ordered[bisect_right(ends, below)][0],
        ordered[bisect_right(ends, above)][0],
        place - below,
    )


def _between(low: float, high: float, share: float) -> float:
    """Interpolated from the nearer end, so that equal ends give exactly themselves and no bound is passed."""
    return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)


def _median_interval(ordered: Sequence[float]) -> tuple[float, float]:
    """How many samples lie below the true median is binomial with a half; its normal form does from N = 20 on."""
    count = len(ordered)
    reach = 1.959964 * math.sqrt(count) / 2
    low = max(0, math.floor(count / 2 - reach) - 1)
    high = min(count - 1, math.ceil(count / 2 + reach))
    return ordered[low], ordered[high]
