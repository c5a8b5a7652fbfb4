"""Confidence intervals of the ratio of two runs, by the percentile bootstrap: no shape of the samples is assumed.

What is assumed is that the samples of a run stand for others that might have come: that they are independent, and
that the two runs are. Requests of one run share batches and a machine, so an interval from a single run each tells how
far luck within a run reaches, and not what a restart or a warmer machine would change. Interleaved rounds do
(`sgl_cli.bench.compare.rounds`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from random import Random
from typing import Final, NamedTuple, TypeVar

RESAMPLES: Final = 2000
SEED: Final = 20240607
MOST_DRAWS: Final = 1000
"""Values that are drawn for one resample of a mean; more samples than that are first put into so many random groups
of one size, whose means vary as much as the samples let them."""

Z95: Final = 1.959964

T = TypeVar("T")


class Interval(NamedTuple):
    """95 % of the resampled ratios lie in it."""

    low: float
    high: float

    def scaled(self, factor: float) -> Interval:
        """Both ends times ``factor``."""
        return Interval(self.low * factor, self.high * factor)


def ratio_of_quantiles(
    base: Iterable[float], new: Iterable[float], share: float, resamples: int = RESAMPLES, seed: int = SEED
) -> Interval | None:
    """Of a quantile of ``new`` to that of ``base``; None when either is empty or can be 0."""
    left, right = sorted(base), sorted(new)
    if not left or not right:
        return None
    random = Random(seed)
    return _percentiles(
        (_drawn_quantile(right, share, random), _drawn_quantile(left, share, random)) for _ in range(resamples)
    )


def ratio_of_means(
    base: Sequence[float], new: Sequence[float], resamples: int = RESAMPLES, seed: int = SEED
) -> Interval | None:
    """Of the mean of ``new`` to that of ``base``; None when either is empty or can be 0."""
    if not base or not new:
        return None
    random = Random(seed)
    left, right = _grouped(base, random), _grouped(new, random)
    return _percentiles((_drawn_mean(right, random), _drawn_mean(left, random)) for _ in range(resamples))


def ratio_of_rates(
    base: Sequence[tuple[float, float]],
    new: Sequence[tuple[float, float]],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval | None:
    """Of sum(first) / sum(second) of pairs that are drawn together; None when either is empty or can be 0."""
    if not base or not new:
        return None
    random = Random(seed)
    left, right = _grouped_pairs(base, random), _grouped_pairs(new, random)
    return _percentiles((_drawn_rate(right, random), _drawn_rate(left, random)) for _ in range(resamples))


def ratio_of_series(
    base: Sequence[float], new: Sequence[float], resamples: int = RESAMPLES, seed: int = SEED
) -> Interval | None:
    """Of the means of two series in time, by overlapping blocks; None when either is empty or can be 0.

    Neighbours in time are alike, so blocks of the cube root of the length are drawn and not single values. Assumes
    that the series has no trend: that any block might have come at any time.
    """
    if not base or not new:
        return None
    random = Random(seed)
    left, right = _Blocks(base), _Blocks(new)
    return _percentiles((right.drawn_mean(random), left.drawn_mean(random)) for _ in range(resamples))


def ratio_of_shares(base: tuple[int, int], new: tuple[int, int]) -> Interval | None:
    """Of two shares that are given as (count, of how many), such as failures; None without anything to count in.

    Not resampled: a resample of no failures has none, however few were tried. This is the log interval with a half
    added to each count.
    """
    if not base[1] or not new[1]:
        return None
    parts = [(count + 0.5, of + 0.5) for count, of in (base, new)]
    center = math.log(parts[1][0] / parts[1][1]) - math.log(parts[0][0] / parts[0][1])
    reach = Z95 * math.sqrt(max(0.0, sum(1 / count - 1 / of for count, of in parts)))
    return Interval(math.exp(center - reach), math.exp(center + reach))


def ratio_of_pairs(ratios: Sequence[float]) -> Interval | None:
    """Of the geometric mean of the ratios of interleaved rounds, by Student's t of their logarithms.

    A bootstrap of three or five rounds would be too narrow; this assumes that the logarithms are roughly normal. None
    for fewer than two rounds, or when a ratio is not above 0.
    """
    if len(ratios) < 2 or min(ratios) <= 0:
        return None
    logs = [math.log(ratio) for ratio in ratios]
    center = math.fsum(logs) / len(logs)
    variance = math.fsum((value - center) ** 2 for value in logs) / (len(logs) - 1)
    reach = student_t95(len(logs) - 1) * math.sqrt(variance / len(logs))
    return Interval(math.exp(center - reach), math.exp(center + reach))


_T95: Final = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)


def student_t95(freedom: int) -> float:
    """The two-sided 95 % bound of Student's t: a table, and the series in 1 / freedom from 11 on."""
    if freedom <= len(_T95):
        return _T95[freedom - 1]
    first = (Z95**3 + Z95) / 4
    second = (5 * Z95**5 + 16 * Z95**3 + 3 * Z95) / 96
    return Z95 + first / freedom + second / freedom**2


def _drawn_quantile(ordered: Sequence[float], share: float, random: Random) -> float:
    """The quantile of one resample, without drawing the resample.

    The k-th smallest of n uniform numbers has a Beta(k, n - k + 1) distribution, and the one after it is the smallest
    of the n - k that remain above. Mapped to places in the sorted samples they are exactly the order statistics of a
    resample with replacement.
    """
    count = len(ordered)
    place = share * (count - 1)
    below = math.floor(place)
    first = random.betavariate(below + 1, count - below)
    low = ordered[min(int(count * first), count - 1)]
    rest = count - below - 1
    if not rest or place == below:
        return low
    second = first + (1 - first) * random.betavariate(1, rest)
    high = ordered[min(int(count * second), count - 1)]
    return low + (high - low) * (place - below)


def _drawn_mean(values: Sequence[float], random: Random) -> float:
    return sum(random.choices(values, k=len(values))) / len(values)


def _drawn_rate(pairs: Sequence[tuple[float, float]], random: Random) -> float:
    drawn = random.choices(pairs, k=len(pairs))
    below = sum(pair[1] for pair in drawn)
    return sum(pair[0] for pair in drawn) / below if below else 0.0


def _grouped(values: Sequence[float], random: Random) -> Sequence[float]:
    """Means of random groups of one size; fewer samples than one group holds are left out."""
    return [sum(group) / len(group) for group in _groups(values, random)]


def _grouped_pairs(pairs: Sequence[tuple[float, float]], random: Random) -> Sequence[tuple[float, float]]:
    """Sums of random groups of one size."""
    return [(sum(pair[0] for pair in group), sum(pair[1] for pair in group)) for group in _groups(pairs, random)]


def _groups(values: Sequence[T], random: Random) -> list[Sequence[T]]:
    size = -(-len(values) // MOST_DRAWS)
    mixed = values if size == 1 else random.sample(values, len(values))
    return [mixed[start : start + size] for start in range(0, len(values) // size * size, size)]


class _Blocks:
    """A series in time as all its blocks of neighbours."""

    def __init__(self, series: Sequence[float]) -> None:
        size: int = max(1, round(len(series) ** (1 / 3)))
        self._count = len(series) // size
        self._means: list[float] = [sum(series[start : start + size]) / size for start in range(len(series) - size + 1)]

    def drawn_mean(self, random: Random) -> float:
        """Of one resample: as many blocks as fit into the series side by side."""
        return sum(random.choices(self._means, k=self._count)) / self._count


def _percentiles(pairs: Iterable[tuple[float, float]]) -> Interval | None:
    ratios = []
    for above, below in pairs:
        if below <= 0 or above < 0:
            return None
        ratios.append(above / below)
    ratios.sort()
    edge = int(0.025 * len(ratios))
    return Interval(ratios[edge], ratios[-1 - edge])
