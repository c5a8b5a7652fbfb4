"""`Hand`: the parent's end of one worker process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final

from ..record import Failure, Record
from ..target.target import Target
from ..wire.wire import Limits
from .driver import Share
from .frames import FROM_WORKER, Bye, Give, Go, News, Ready, Setup, StopSending, ToWorker, frame, read_frame
from .health import LoopHealth
from .progress import Counters
from .work import Work

LEAST_AHEAD: Final = 256
CLOSE_SECONDS: Final = 5.0
_BATCH: Final = 64
_LONGEST_WORDS: Final = 65536


class Hand:
    """One worker.

    Attributes:
        health: What it said at its end.
        files: Its limit of open files; 0 for none.
        over: Whether it has ended, or will take no more.
        epitaph: Why it died; empty when it did not.
        error: An error of the user's that it met, with its hint.
    """

    def __init__(
        self,
        number: int,
        process: asyncio.subprocess.Process,
        share: Share,
        done: Callable[[Record], None],
        counters: Counters,
    ) -> None:
        self.health = LoopHealth()
        self.files = 0
        self.over = False
        self.epitaph = ""
        self.error = ""
        self.hint: str | None = None
        self._number = number
        self._process = process
        self._share = share
        self._done = done
        self._counters = counters
        self._offset = 0.0
        """What to add to this process's clock for the worker's."""
        self._zero = 0.0
        self._ahead = max(LEAST_AHEAD, 4 * (share.concurrency or 0))
        self._given: deque[Work] = deque()
        self._batch: list[Work] = []
        self._handed = 0
        self._taken = 0
        self._recorded = 0
        self._room = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._words: asyncio.Task[bytes] | None = None

    async def start(self, target: Target, limits: Limits, reuse: bool) -> bool:
        """Tells it what it is; whether it answered."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._words = asyncio.ensure_future(self._process.stderr.read(_LONGEST_WORDS))
        before = perf_counter()
        self._say(Setup(target, limits, self._share, reuse, 0))
        message = await read_frame(self._process.stdout, FROM_WORKER)
        after = perf_counter()
        if not isinstance(message, Ready):
            await self._bury()
            return False
        self.files = message.files
        # On Linux the clock is one for all processes: then the worker's time lies between ours. Else it is measured.
        if not before <= message.clock <= after:
            self._offset = message.clock - (before + after) / 2
        self._reading = asyncio.ensure_future(self._read(self._process.stdout))
        return True

    @property
    def full(self) -> bool:
        """Whether it has enough work for now."""
        return self._handed - self._taken >= self._ahead

    async def room(self) -> None:
        """Waits until it has not, or is over."""
        while self.full and not self.over:
            self._room.clear()
            await self._room.wait()

    def give(self, work: Work) -> None:
        """Hands it one work, some time soon."""
        if self.over:
            return
        self._given.append(work)
        self._batch.append(work)
        self._handed += 1
        if len(self._batch) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Hands it what was given."""
        if self._batch:
            self._say(Give(self._batch))
            self._batch = []

    def give_no_more(self) -> None:
        """There is no more work."""
        self.flush()
        self._say(Give([], last=True))

    def go(self, zero: float) -> None:
        """The run starts at ``zero`` by this process's clock."""
        self._zero = zero
        self.flush()
        self._say(Go(zero + self._offset))

    def stop(self, abort: bool) -> None:
        """Sends no more."""
        self._say(StopSending(abort))

    async def finished(self) -> None:
        """Waits for its end."""
        if self._reading is not None:
            await self._reading

    async def close(self) -> None:
        """Ends the process if it still runs."""
        self._over()
        if self._process.stdin is not None:
            self._process.stdin.close()
        ending = asyncio.ensure_future(self._process.wait())
        if not (await asyncio.wait([ending], timeout=CLOSE_SECONDS))[0]:
            self._process.kill()
            await ending
        tasks = [task for task in (self._reading, self._words) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while (message := await read_frame(stream, FROM_WORKER)) is not None:
            if isinstance(message, News):
                self._news(message)
            elif isinstance(message, Bye):
                self.health, self.error, self.hint = message.health, message.error, message.hint
                self._over()
                return
        await self._bury()
        self._count_lost()

    def _news(self, news: News) -> None:
        counters = self._counters
        counters.sent, counters.in_flight, counters.waiting = news.sent, news.in_flight, news.waiting
        counters.events, counters.lag_ms = news.events, news.lag_ms
        self._taken = news.taken
        self._recorded += len(news.records)
        self._room.set()
        for record in news.records:
            self._done(record)
        while len(self._given) > self._handed - self._recorded:
            self._given.popleft()

    async def _bury(self) -> None:
        code = await self._process.wait()
        said = b"" if self._words is None else await self._words
        lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self.epitaph = f"client process {self._number} died ({lines[-1].strip()[:200] if lines else how})"
        self._over()

    def _count_lost(self) -> None:
        """What it had taken and not finished has failed; one at least, so that nobody overlooks it."""
        now = perf_counter() - self._zero
        failure = Failure("cut", 0, self.epitaph)
        for work in list(self._given)[: max(1, self._taken - self._recorded)]:
            prompt = work.prompt
            self._done(
                Record(
                    prompt.index,
                    now,
                    now,
                    scheduled=work.at,
                    input_tokens=prompt.input_tokens,
                    asked_tokens=prompt.output_tokens,
                    failure=failure,
                    worker=self._number,
                )
            )
        self._counters.in_flight = self._counters.waiting = 0

    def _over(self) -> None:
        self.over = True
        self._room.set()

    def _say(self, message: ToWorker) -> None:
        stdin = self._process.stdin
        if stdin is not None and not stdin.is_closing():
            with contextlib.suppress(ConnectionError):
                stdin.write(frame(message))
