"""`Meter`: how many bytes of a model's parameters are filled, told a few times a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from sgl.weights.slot import Slot, size_of

SECONDS_BETWEEN: Final = 0.1
"""Shortest time between two calls: a model has hundreds of tensors, and each call is a message to another process."""

Progress = Callable[[int, int], None]
"""Hears of bytes filled so far, and of all bytes."""


class Meter:
    """Counts slots as they are filled.

    Args:
        slots: All that will be filled.
        progress: Told at most once in `SECONDS_BETWEEN`, and when the last slot is full.
    """

    def __init__(self, slots: Iterable[Slot], progress: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = sum(size_of(slot.target) for slot in slots)
        self._progress = progress
        self._clock = clock
        self._done = 0
        self._told = clock()

    def add(self, slot: Slot) -> None:
        """Counts a slot that is full."""
        self._done += size_of(slot.target)
        now = self._clock()
        if self._done == self._total or now - self._told >= SECONDS_BETWEEN:
            self._told = now
            self._progress(self._done, self._total)

    def passing(self, slots: Iterable[Slot]) -> Iterator[Slot]:
        """Hands on ``slots`` to one who fills each before taking the next, and counts them."""
        for slot in slots:
            yield slot
            self.add(slot)
