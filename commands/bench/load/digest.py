"""`Digest`: reads complete answers in the gaps of a run, a little at a time.

To read an answer of a thousand chunks at once would keep the loop from noting when the chunks of others come.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final

from ..wire.exchange import Exchange
from ..wire.reading import Reading

SLICE_SECONDS: Final = 0.0002
_FILL_PAUSE: Final = 0.001
_LOOK_SECONDS: Final = 0.1
MOST_KEPT: Final = 2**20
"""Bytes that one answer may keep unread: streams that repeat their text in every chunk grow with its square."""


class Digest:
    """One loop's answers that are to be read."""

    def __init__(self) -> None:
        self._queue: deque[tuple[Reading, Callable[[], None]]] = deque()
        self._wake = asyncio.Event()
        self._under_way: dict[Exchange, Reading] = {}

    def begin(self, reading: Reading) -> None:
        """An answer begins to come; until `add` is called, it is read only to bound the memory."""
        self._under_way[reading.exchange] = reading

    def forget(self, exchange: Exchange) -> None:
        """An answer is complete, or is given up."""
        self._under_way.pop(exchange, None)

    async def relieve(self) -> None:
        """Reads long answers while they come; runs until it is cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for exchange, reading in tuple(self._under_way.items()):
                while exchange.kept > MOST_KEPT and reading.step():
                    await asyncio.sleep(0)

    def add(self, reading: Reading, then: Callable[[], None]) -> None:
        """``then`` is called when the answer is read."""
        self._queue.append((reading, then))
        self._wake.set()

    async def run(self, idle: Callable[[], bool]) -> None:
        """Reads until it is cancelled; ``idle`` does a small piece of other work, and says whether there was any."""
        more = True
        while True:
            if self._queue:
                self._slice()
                await asyncio.sleep(0)
            elif more:
                more = idle()
                await asyncio.sleep(_FILL_PAUSE if more else 0)
            else:
                self._wake.clear()
                await self._wake.wait()
                more = True

    def drain(self) -> None:
        """Reads all that is left."""
        while self._queue:
            reading, then = self._queue.popleft()
            reading.finish()
            then()

    def _slice(self) -> None:
        until = perf_counter() + SLICE_SECONDS
        while self._queue and perf_counter() < until:
            reading, then = self._queue[0]
            if not reading.step():
                self._queue.popleft()
                reading.finish()
                then()
