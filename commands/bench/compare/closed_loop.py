"""How far luck alone moves the throughput of a closed loop.

A run's throughput depends on more than the mean time of its requests: at its end the lines fall idle one by one, and
one long answer that begins late holds up the whole. Resampling the times alone would miss that and call two equal
servers different, so each resample is played again: the drawn requests are put, one after the other, on the line that
is free first. Assumes that a request takes its time whichever others run beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heapreplace
from random import Random
from typing import Final

from .bootstrap import SEED, Interval

MOST_REQUESTS: Final = 1_000_000
"""That are played in all for one side: an interval is to take a second or two."""

REPLAYS: Final = 1000

Work = tuple[float, float]
"""What a request did (its tokens, or 1), and how long it took."""


def ratio_of_replays(
    base: tuple[Sequence[Work], int], new: tuple[Sequence[Work], int], replays: int = REPLAYS, seed: int = SEED
) -> Interval | None:
    """The 95 % interval of a ratio of throughputs around 1, for a ratio that is known otherwise.

    Args:
        base: Requests, and how many are always in flight.
        new: The same of the other run.
        replays: Resamples; fewer are played of a long run.
        seed: Of the draws.

    Returns:
        None when a run has no requests, or did no work.
    """
    if not base[0] or not new[0]:
        return None
    random = Random(seed)
    count = max(200, min(replays, MOST_REQUESTS // max(len(base[0]), len(new[0]))))
    ratios = []
    for _ in range(count):
        below, above = _replayed(*base, random), _replayed(*new, random)
        if below <= 0 or above <= 0:
            return None
        ratios.append(above / below)
    ratios.sort()
    edge, middle = int(0.025 * count), ratios[count // 2]
    return Interval(ratios[edge] / middle, ratios[-1 - edge] / middle)


def _replayed(requests: Sequence[Work], lines: int, random: Random) -> float:
    """Work per second of one resample."""
    drawn = random.choices(requests, k=len(requests))
    ends = [taken for _, taken in drawn[:lines]]
    heapify(ends)
    for _, taken in drawn[lines:]:
        heapreplace(ends, ends[0] + taken)
    last = max(ends)
    return sum(work for work, _ in drawn) / last if last > 0 else 0.0
