"""`Crew`: several processes that put one load on a server, each with its share of it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Final

from sgl.errors import StartupError, UsageError
from sgl.ipc.python import python_environment

from ..record import Record
from ..target.target import Target
from .driver import Share
from .hand import Hand
from .health import LoopHealth
from .plan import LoadPlan
from .progress import Counters
from .work import Work

COMMAND: Final = (sys.executable, "-m", "sgl_cli.bench.load.worker")
START_SECONDS: Final = 60.0
PRIME_SECONDS: Final = 5.0
LEAD_SECONDS: Final = 0.05
"""Between the word to start and the start itself: all workers have heard it by then, and done what comes before."""

BATCH: Final = 32


class Crew:
    """The parent's view of its workers. `start`, then `run`; `close` in any case."""

    def __init__(self, target: Target, plan: LoadPlan, done: Callable[[Record], None]) -> None:
        """Starts nothing; ``done`` is called with every record."""
        self._target = target
        self._plan = plan
        self._done = done
        self._hands: list[Hand] = []
        count = plan.workers if plan.concurrency is None else min(plan.workers, plan.concurrency)
        self.counters = [Counters() for _ in range(count)]

    @property
    def files(self) -> int:
        """The lowest limit of open files; 0 when none has one."""
        return min((hand.files for hand in self._hands if hand.files), default=0)

    @property
    def losses(self) -> list[str]:
        """What became of workers that died, in words."""
        return [hand.epitaph for hand in self._hands if hand.epitaph]

    async def start(self) -> None:
        """Starts the processes and waits until they listen.

        Raises:
            StartupError: One does not start.
        """
        count = len(self.counters)
        for number in range(count):
            process = await asyncio.create_subprocess_exec(
                *COMMAND,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=python_environment(os.environ),
                limit=2**30,
            )
            share = Share(
                self._share_of(number, count), self._plan.arrivals is not None, 0.0, self._plan.duration, number
            )
            self._hands.append(Hand(number, process, share, self._done, self.counters[number]))
        limits, reuse = self._plan.limits, self._plan.reuse
        starting = [asyncio.ensure_future(hand.start(self._target, limits, reuse)) for hand in self._hands]
        _, late = await asyncio.wait(starting, timeout=START_SECONDS)
        if late:
            for task in late:
                task.cancel()
            raise StartupError(f"a client process did not start within {START_SECONDS:g} s")
        heard = [task.result() for task in starting]
        if not all(heard):
            reason = next((hand.epitaph for hand in self._hands if hand.epitaph), "it ended at once")
            raise StartupError(f"a client process did not start: {reason}", hint="run without --workers")

    async def run(self, works: Iterator[Work], begun: Callable[[float], None]) -> list[LoopHealth]:
        """Hands out the work and waits for the end.

        Args:
            works: All of it.
            begun: Told of the run's start, by this process's `time.perf_counter`.

        Raises:
            UsageError: The API cannot carry a prompt.
        """
        primed = asyncio.Event()
        feeding = asyncio.ensure_future(self._feed_safely(works, primed))
        try:
            waits = [asyncio.ensure_future(primed.wait()), feeding]
            await asyncio.wait(waits, timeout=PRIME_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            waits[0].cancel()
            if feeding.done():
                feeding.result()
            zero = perf_counter() + LEAD_SECONDS
            begun(zero)
            for hand in self._hands:
                hand.go(zero)
            await asyncio.gather(*(hand.finished() for hand in self._hands))
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
        if not feeding.cancelled() and (error := feeding.exception()) is not None:
            raise error
        for hand in self._hands:
            if hand.error:
                raise UsageError(hand.error, hint=hand.hint)
        return [hand.health for hand in self._hands]

    def stop(self, abort: bool) -> None:
        """Sends no more; with ``abort``, waits for nothing."""
        for hand in self._hands:
            hand.stop(abort)

    async def close(self) -> None:
        """Ends what still runs."""
        await asyncio.gather(*(hand.close() for hand in self._hands))

    async def _feed_safely(self, works: Iterator[Work], primed: asyncio.Event) -> None:
        """Stops the workers when the prompts end with an error: they would wait for more."""
        try:
            await self._feed(works, primed)
        except Exception:
            self.stop(abort=True)
            raise

    async def _feed(self, works: Iterator[Work], primed: asyncio.Event) -> None:
        """Keeps every worker supplied, some way ahead; a conversation stays with one."""
        turn = 0
        for number, work in enumerate(works):
            if number % BATCH == 0:
                await asyncio.sleep(0)
            conversation = work.prompt.conversation
            place = turn if conversation is None else conversation
            turn += conversation is None
            hand = self._hands[place % len(self._hands)]
            if hand.over and conversation is None:
                hand = next((other for other in self._hands if not other.over), hand)
            if hand.full and not hand.over:
                primed.set()
                for each in self._hands:
                    each.flush()
                await hand.room()
            hand.give(work)
            if all(other.over for other in self._hands):
                break
        for hand in self._hands:
            hand.give_no_more()
        primed.set()

    def _share_of(self, number: int, count: int) -> int | None:
        whole = self._plan.concurrency
        return None if whole is None else whole // count + (number < whole % count)
