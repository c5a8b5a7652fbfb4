"""`Lag`: how late an event loop wakes. What it is late, every time that it notes may be late."""

from __future__ import annotations

import asyncio
from array import array
from time import perf_counter
from typing import Final

from .progress import Counters

EVERY_SECONDS: Final = 0.01


class Lag:
    """Samples of one loop, in seconds."""

    def __init__(self, counters: Counters) -> None:
        self.samples = array("d")
        self._counters = counters

    async def sample(self) -> None:
        """Takes one every `EVERY_SECONDS`; runs until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = perf_counter() + EVERY_SECONDS
            woken = loop.create_future()
            loop.call_later(EVERY_SECONDS, _wake, woken)
            await woken
            late = max(0.0, perf_counter() - due)
            self.samples.append(late)
            self._counters.lag_ms = 1000.0 * late


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)


def quantile(ordered: array[float] | list[float], share: float) -> float:
    """Nearest rank of sorted values; 0 of none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
