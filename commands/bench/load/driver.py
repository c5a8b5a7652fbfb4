"""`Driver`: one event loop's share of a load, closed or open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from ..prompt import Prompt
from ..record import Record
from ..target.target import Target
from ..wire.exchange import Exchange
from ..wire.reading import Reading
from ..wire.wire import Wire
from .conversations import Conversations
from .digest import Digest
from .progress import Counters
from .work import Source, Work

COUNT_SECONDS: Final = 0.1
EARLY_SECONDS: Final = 0.001
"""A sleeping loop wakes up to a millisecond late: it wakes this much early, and goes round until it is time."""


@dataclass(frozen=True)
class Share:
    """What one loop does of a run.

    Attributes:
        concurrency: Requests at a time; None without a bound.
        open: Whether requests are sent when they are due.
        zero: The run's start, by `time.perf_counter`.
        deadline: When the last may be sent, in seconds after the start; None for any time.
        worker: Which process this is.
    """

    concurrency: int | None
    open: bool
    zero: float
    deadline: float | None = None
    worker: int = 0


class Driver:
    """Sends what a `Source` gives and notes what comes back.

    Attributes:
        counters: For the display.
        unsent: Requests that were due and never sent, because the run was stopped.
        abandoned: Requests that were given up when `run` was cancelled.
        late: How late requests of an open loop were sent that had room, in seconds: the client's own fault.
    """

    def __init__(
        self, target: Target, wire: Wire, source: Source, share: Share, done: Callable[[Record], None]
    ) -> None:
        """Sends nothing yet; ``done`` is called with every record."""
        self.counters = Counters()
        self.unsent = 0
        self.late: list[float] = []
        self.conversations = Conversations()
        self.digest = Digest()
        self._target = target
        self._wire = wire
        self._source = source
        self._share = share
        self._done = done
        self._stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._room: asyncio.Semaphore | None = None
        self._error: Exception | None = None
        self.abandoned = 0

    def stop(self) -> None:
        """Sends no more. To give up what is under way, too, cancel `run`."""
        if not self._stop.done():
            self._stop.set_result(None)

    async def run(self) -> None:
        """Works until there is no more, and every answer has come.

        Raises:
            UsageError: The API cannot carry a prompt.
        """
        await self._wait_until(0.0)
        try:
            await (self._open() if self._share.open else self._closed())
        finally:
            self.counters.events = self._wire.meter.events
            self.digest.drain()

    async def count(self) -> None:
        """Keeps the number of events fresh while answers take long; runs until it is cancelled."""
        while True:
            self.counters.events = self._wire.meter.events
            await asyncio.sleep(COUNT_SECONDS)

    async def _closed(self) -> None:
        async def slot() -> None:
            while (work := await self._next()) is not None:
                await self._converse(work)

        slots = {asyncio.ensure_future(slot()) for _ in range(self._share.concurrency or 1)}
        try:
            await asyncio.gather(*slots)
        finally:
            await _cancel(slots)

    async def _open(self) -> None:
        if self._share.concurrency is not None:
            self._room = asyncio.Semaphore(self._share.concurrency)
        running: set[asyncio.Task[None]] = set()
        try:
            while (work := await self._next()) is not None:
                if work.at is not None and not await self._wait_until(work.at):
                    self.unsent += 1
                    break
                task = asyncio.ensure_future(self._converse_safely(work))
                running.add(task)
                task.add_done_callback(running.discard)
            await asyncio.gather(*running)
        finally:
            await _cancel(running)
        if self._error is not None:
            raise self._error

    async def _converse_safely(self, work: Work) -> None:
        """Keeps the error for the loop, which ends."""
        try:
            await self._converse(work)
        except Exception as error:
            self._error = error
            self.stop()

    async def _next(self) -> Work | None:
        """The next that may be sent now or later; None when no more is to be sent."""
        while not self._over():
            work = await self._source.next()
            if work is None or self._over():
                return None
            if (admitted := self.conversations.admit(work)) is not None:
                return admitted
        return None

    def _over(self) -> bool:
        deadline = self._share.deadline
        return self._stop.done() or (deadline is not None and self._now() >= deadline)

    async def _converse(self, first: Work) -> None:
        """Sends one, and then the turns that wait for its answer."""
        work: Work | None = first
        while work is not None:
            if work.at is not None and work.prompt.turn and not await self._wait_until(work.at):
                self.unsent += 1
                return
            due = work.at
            if self._share.open and (due is None or work.prompt.turn):
                due = max(due or 0.0, self._now())  # Its user has the answer before it only now.
            work = await self._send_with_room(work.prompt, due)

    async def _send_with_room(self, prompt: Prompt, due: float | None) -> Work | None:
        if self._room is None:
            if due is not None:
                self.late.append(self._now() - due)
            return await self._send(prompt, due)
        waited = self._room.locked()
        self.counters.waiting += 1
        try:
            await self._room.acquire()
        finally:
            self.counters.waiting -= 1
        try:
            if waited and self._over():
                self.unsent += 1
                return None
            if not waited and due is not None:
                self.late.append(self._now() - due)
            return await self._send(prompt, due)
        finally:
            self._room.release()

    async def _send(self, prompt: Prompt, due: float | None) -> Work | None:
        """One request and its answer; the next turn that may be sent, if one waits."""
        whole = self.conversations.whole(prompt)
        request = self._source.encoded(whole)
        counters = self.counters
        counters.sent += 1
        counters.in_flight += 1
        talks = prompt.conversation is not None
        reading: Reading | None = None

        def begun(exchange: Exchange) -> None:
            nonlocal reading
            if reading is not None:
                self.digest.forget(reading.exchange)
            reading = Reading(exchange, self._target.api, keep=talks)
            self.digest.begin(reading)

        try:
            exchange = await self._wire.ask(request, begun)
        except asyncio.CancelledError:
            self.abandoned += 1
            raise
        finally:
            counters.in_flight -= 1
            counters.events = self._wire.meter.events
            if reading is not None:
                self.digest.forget(reading.exchange)
        read = reading if reading is not None and reading.exchange is exchange else Reading(exchange, self._target.api)

        def record() -> Record:
            share = self._share
            return read.record(whole, share.zero, scheduled=due, input_tokens=whole.input_tokens, worker=share.worker)

        if not talks:
            self.digest.add(read, lambda: self._done(record()))
            return None
        answer = read.finish()  # The next turn needs it now.
        noted = record()
        self._done(noted)
        return self.conversations.answered(whole, answer, noted.failure is not None, self._target.api == "chat")

    def _now(self) -> float:
        return perf_counter() - self._share.zero

    async def _wait_until(self, at: float) -> bool:
        """Waits for a moment of the run; False when the run was stopped before."""
        zero = self._share.zero
        while (left := zero + at - perf_counter()) > 0 and not self._stop.done():
            if left > EARLY_SECONDS:
                await asyncio.wait([self._stop], timeout=left - EARLY_SECONDS)
            else:
                await asyncio.sleep(0)
        return not self._stop.done()


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
