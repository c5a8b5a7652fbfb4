"""`run_load`: the one way to put a load on a server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from ..prompt import Prompt
from ..record import Record
from ..run import Run
from ..target.cache import flush
from ..target.metrics import with_peak
from ..target.target import Target
from ..wire.wire import Limits, connected
from .ahead import Ahead
from .control import Control
from .crew import LEAD_SECONDS, Crew
from .driver import Driver, Share
from .health import LoopHealth, allow_files, client_health
from .kv_watch import KvWatch
from .loop import drive
from .plan import LoadPlan
from .progress import Progress
from .warm import warm_up
from .work import Work, works

_ADMIN_SECONDS: Final = 65.0


def run_load(
    target: Target,
    prompts: Iterable[Prompt],
    plan: LoadPlan,
    control: Control | None = None,
    progress: Progress | None = None,
    *,
    warmup: Sequence[Prompt] = (),
) -> Run:
    """Puts a load on a server and notes what happens. Blocks until its end, in an event loop of its own.

    A request that fails is a record with a failure, never an exception.

    Args:
        target: Who is asked, and how; see `probe` for what it accepts.
        prompts: What is asked. With a duration they should be endless; else they are repeated.
        plan: How much, how long.
        control: Ends it early; the run then is partial.
        progress: Tells another thread how it is going.
        warmup: Prompts that are asked before and not recorded.

    Raises:
        UsageError: The API cannot carry a prompt.
        WarmupFailed: Not one prompt of the warm-up was answered.
        StartupError: A client process does not start.
    """
    control, progress = control or Control(), progress or Progress()
    progress.total, progress.duration = plan.requests, plan.duration
    if plan.duration is None and isinstance(prompts, Sequence):
        progress.total = min(len(prompts), plan.requests or len(prompts))
    return asyncio.run(_Run(target, plan, control, progress).run(prompts, warmup))


class _Run:
    """One run, from the warm-up to the result."""

    def __init__(self, target: Target, plan: LoadPlan, control: Control, progress: Progress) -> None:
        self._target = target
        self._plan = plan
        self._control = control
        self._progress = progress
        self._records: list[Record] = []
        self._warnings: list[str] = []
        self._files = 0
        self._zero = 0.0
        self._started = 0.0

    async def run(self, prompts: Iterable[Prompt], warmup: Sequence[Prompt]) -> Run:
        plan = self._plan
        async with connected(self._target.address, Limits(10, _ADMIN_SECONDS, _ADMIN_SECONDS), reuse=False) as side:
            if warmup and not self._control.stopped:
                await warm_up(self._target, warmup, plan)
            if plan.flush and (said := await flush(self._target, side)):
                self._warnings.append(said)
            watch = KvWatch(self._target, side)
            before = await watch.scrape() if plan.scrape else {}
            watching = asyncio.ensure_future(watch.run()) if before else None
            try:
                loops = await (self._by_crew if plan.workers > 1 else self._alone)(works(prompts, plan))
            finally:
                if watching is not None:
                    watching.cancel()
                    with suppress(asyncio.CancelledError):
                        await watching
            after = with_peak(await watch.scrape(), watch.peak) if before else {}
        return self._result(loops, before, after)

    async def _alone(self, work: Iterator[Work]) -> list[LoopHealth]:
        """In this process."""
        plan, progress, loop = self._plan, self._progress, asyncio.get_running_loop()
        self._files = allow_files(plan.concurrency or 0)
        ahead = Ahead(work, self._target)
        ahead.fill()
        drivers: list[Driver] = []
        self._start(time.perf_counter() + LEAD_SECONDS)
        share = Share(plan.concurrency, plan.arrivals is not None, self._zero, plan.duration)

        def begun(driver: Driver) -> None:
            drivers.append(driver)
            progress.counters = [driver.counters]
            if self._control.stopped:
                driver.stop()

        driving = asyncio.ensure_future(
            drive(
                self._target,
                plan.limits,
                ahead,
                share,
                self._note,
                reuse=plan.reuse,
                begun=begun,
                idle=ahead.make_one,
                aborted=lambda: self._control.aborted,
            )
        )

        def react() -> None:
            progress.stopping = True
            for driver in drivers:
                driver.stop()
            if self._control.aborted:
                driving.cancel()

        await asyncio.sleep(0)
        with self._control.heard(lambda: loop.call_soon_threadsafe(react)):
            return [await driving]

    async def _by_crew(self, work: Iterator[Work]) -> list[LoopHealth]:
        """In several processes."""
        loop = asyncio.get_running_loop()
        crew = Crew(self._target, self._plan, self._note)
        self._progress.counters = crew.counters

        def react() -> None:
            self._progress.stopping = True
            crew.stop(self._control.aborted)

        try:
            await crew.start()
            self._files = crew.files
            with self._control.heard(lambda: loop.call_soon_threadsafe(react)):
                loops = await crew.run(work, self._start)
            self._warnings += crew.losses
            return loops
        finally:
            await crew.close()

    def _start(self, zero: float) -> None:
        self._zero = zero
        self._started = time.time() + zero - time.perf_counter()
        self._progress.start(zero)

    def _note(self, record: Record) -> None:
        self._records.append(record)
        self._progress.note(record)

    def _result(self, loops: list[LoopHealth], before: dict[str, float], after: dict[str, float]) -> Run:
        records = sorted(self._records, key=lambda record: record.sent)
        begin = records[0].sent if records else 0.0
        duration = max((record.ended for record in records), default=0.0) - begin
        plan = self._plan
        client = client_health(
            loops,
            seconds=duration,
            concurrency=plan.concurrency,
            files=self._files,
            records=records,
            more=self._warnings,
        )
        return Run(
            records=tuple(records),
            started=self._started,
            duration=duration,
            concurrency=plan.concurrency,
            rate=None if plan.arrivals is None else plan.arrivals.rate,
            partial=self._control.stopped or any("died" in warning for warning in self._warnings),
            client=client,
            before=before,
            after=after,
        )
