"""The order of the waiting queue, and how much memory running requests are expected to still need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from sgl.batch.request import Request, TokenIds

LPM_QUEUE: Final = 128
"""Matching every waiting prompt costs more than it brings beyond this many; then it is FCFS (SGLang's rule)."""
LPM_PATIENCE: Final = 10.0
"""Seconds after which a waiting request goes before better matches, so none starves."""

Order = Callable[[Sequence[Request], float], list[Request]]
"""(waiting in arrival order, now) -> the order in which they are tried."""


def fcfs(waiting: Sequence[Request], now: float) -> list[Request]:
    """First come, first served."""
    return list(waiting)


def longest_prefix_match(matched: Callable[[Request], int]) -> Order:
    """Longest cached prefix first; equal ones, and those that waited too long, in arrival order.

    Args:
        matched: Cached tokens of a waiting request, without side effects.
    """

    def order(waiting: Sequence[Request], now: float) -> list[Request]:
        if len(waiting) > LPM_QUEUE:
            return list(waiting)
        patient = [request for request in waiting if now - request.arrival <= LPM_PATIENCE]
        overdue = [request for request in waiting if now - request.arrival > LPM_PATIENCE]
        return overdue + sorted(patient, key=lambda request: -matched(request))

    return order


class ReserveRatio:
    """Expected share of ``max_new_tokens`` that running requests will really generate.

    Starts cautious, falls slowly while nothing goes wrong, and rises at each retraction (after SGLang's
    new_token_ratio). Too low costs retractions, too high leaves memory idle.
    """

    START: Final = 0.5
    FLOOR: Final = 0.1
    FALL: Final = 0.001
    RISE: Final = 0.2
    CLIP: Final = 4096
    """Tokens of one request's remaining output that are taken into account at most."""

    def __init__(self) -> None:
        self.value = self.START

    def step(self) -> None:
        """One step went well."""
        self.value = max(self.FLOOR, self.value - self.FALL)

    def retracted(self) -> None:
        """Memory ran out."""
        self.value = min(1.0, self.value + self.RISE)

    def reserve(self, requests: Sequence[Request]) -> int:
        """Tokens to keep free for what these requests will still generate."""
        return int(self.value * sum(min(request.remaining, self.CLIP) for request in requests))


def common_prefix(left: TokenIds, right: TokenIds) -> int:
    """Tokens two sequences have in common from the start."""
    length = min(len(left), len(right))
    different = left[:length] != right[:length]
    first = int(np.argmax(different)) if length else 0
    return first if length and different[first] else length
