"""``python -m sgl_cli.bench.load.worker``: one of several processes that send. It talks through its pipes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from dataclasses import replace
from time import perf_counter
from typing import BinaryIO, Final

from sgl.errors import SglError

from ..prompt import Prompt
from ..record import Record
from ..target.target import Target
from .driver import Driver
from .frames import TO_WORKER, Bye, Give, Go, News, Ready, Setup, StopSending, ToWorker, frame, read_frame
from .health import LoopHealth, allow_files
from .loop import drive
from .made import Made
from .work import Work

NEWS_SECONDS: Final = 0.1


class PipeSource:
    """A `Source` that is filled from outside.

    Attributes:
        taken: Works that were taken from it.
    """

    def __init__(self, target: Target) -> None:
        self.taken = 0
        self._raw: deque[Work] = deque()
        self._made = Made(target)
        self._ended = False
        self._change = asyncio.Event()

    def give(self, works: list[Work], last: bool) -> None:
        """Puts works in."""
        self._raw.extend(works)
        self._ended = self._ended or last
        self._change.set()

    def make_one(self) -> bool:
        """Makes the request of one work; False when there is none to be made."""
        if not self._raw:
            return False
        self._made.add(self._raw.popleft())
        return True

    async def next(self) -> Work | None:
        """See `Source`."""
        while not len(self._made) and not self.make_one():
            if self._ended:
                return None
            self._change.clear()
            await self._change.wait()
        self.taken += 1
        return self._made.pop()

    def encoded(self, prompt: Prompt) -> bytes:
        """See `Source`."""
        return self._made.encoded(prompt)


class Worker:
    """The process's whole state."""

    def __init__(self, setup: Setup, reader: asyncio.StreamReader, out: BinaryIO) -> None:
        self._setup = setup
        self._reader = reader
        self._out = out
        self._source = PipeSource(setup.target)
        self._driver: Driver | None = None
        self._driving: asyncio.Task[LoopHealth] | None = None
        self._records: list[Record] = []
        self._stopped = False

    async def run(self) -> None:
        """Waits for the start, works, and says how it went."""
        self._say(Ready(perf_counter(), allow_files(self._setup.share.concurrency or 0)))
        while not isinstance(message := await read_frame(self._reader, TO_WORKER), Go):
            if message is None:
                return
            self._hear(message)
        self._driving = asyncio.ensure_future(self._drive(message.zero))
        helpers = [asyncio.ensure_future(self._listen()), asyncio.ensure_future(self._report())]
        try:
            bye = Bye(await self._driving)
        except SglError as error:
            bye = Bye(LoopHealth(), error.message, error.hint)
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        self._news()
        self._say(bye)

    async def _drive(self, zero: float) -> LoopHealth:
        while self._source.make_one():  # What was given before the start is ready at the start.
            pass
        setup = self._setup
        return await drive(
            setup.target,
            setup.limits,
            self._source,
            replace(setup.share, zero=zero),
            self._records.append,
            reuse=setup.reuse,
            begun=self._begun,
            idle=self._source.make_one,
        )

    def _begun(self, driver: Driver) -> None:
        self._driver = driver
        if self._stopped:
            driver.stop()

    def _hear(self, message: ToWorker) -> None:
        if isinstance(message, Give):
            self._source.give(message.works, message.last)
        elif isinstance(message, StopSending):
            self._stopped = True
            self._source.give([], True)
            if self._driver is not None:
                self._driver.stop()
            if message.abort and self._driving is not None:
                self._driving.cancel()

    async def _listen(self) -> None:
        while (message := await read_frame(self._reader, TO_WORKER)) is not None:
            self._hear(message)
        self._hear(StopSending(abort=True))  # The parent is gone.

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(NEWS_SECONDS)
            self._news()

    def _news(self) -> None:
        if self._driver is None:
            return
        counters = self._driver.counters
        records, self._records[:] = self._records[:], []
        numbers = (counters.sent, counters.in_flight, counters.waiting, counters.events, counters.lag_ms)
        self._say(News(records, self._source.taken, *numbers))

    def _say(self, message: Ready | News | Bye) -> None:
        with contextlib.suppress(BrokenPipeError):  # The parent is gone: the end of its pipe ends us.
            self._out.write(frame(message))
            self._out.flush()


async def main() -> None:
    """Runs one worker over the pipes of this process."""
    # What anybody prints must not get between the frames.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    reader = asyncio.StreamReader(limit=2**30)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    setup = await read_frame(reader, TO_WORKER)
    if isinstance(setup, Setup):
        await Worker(setup, reader, out).run()


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):  # They reach the whole group: what they mean, the parent says.
        signal.signal(number, signal.SIG_IGN)
    asyncio.run(main())
