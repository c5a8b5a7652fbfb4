"""One event loop's part of a run, with what is noted about the loop itself."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..record import Record
from ..target.target import Target
from ..wire.wire import Limits, connected
from .driver import Driver, Share
from .health import LoopHealth
from .lag import Lag, quantile
from .work import Source


async def drive(
    target: Target,
    limits: Limits,
    source: Source,
    share: Share,
    done: Callable[[Record], None],
    *,
    reuse: bool = True,
    begun: Callable[[Driver], None] = lambda driver: None,
    idle: Callable[[], bool] = lambda: False,
    aborted: Callable[[], bool] = lambda: True,
) -> LoopHealth:
    """Works off a source.

    Args:
        target: Who is asked.
        limits: How long to wait.
        source: What is asked.
        share: How.
        done: Called with every record.
        reuse: See `LoadPlan`.
        begun: Told of the driver, to stop it and to read its counters.
        idle: Does a small piece of other work while nothing else is to be done; says whether there was any.
        aborted: Whether a cancel means that the run was aborted: then what is under way is given up, and the answer
            says so. Else a cancel is raised as ever.

    Raises:
        UsageError: The API cannot carry a prompt.
    """
    abandoned = 0
    async with connected(target.address, limits, reuse=reuse) as wire:
        driver = Driver(target, wire, source, share, done)
        lag = Lag(driver.counters)
        begun(driver)
        work = (lag.sample(), driver.count(), driver.digest.run(idle), driver.digest.relieve())
        helpers = [asyncio.ensure_future(each) for each in work]
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            with calm_collector():
                await driver.run()
        except asyncio.CancelledError:
            if not aborted():
                raise
            abandoned = driver.abandoned
        finally:
            seconds = time.perf_counter() - wall
            cpu_share = (time.process_time() - cpu) / seconds if seconds > 0 else 0.0
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        ordered, late = sorted(lag.samples), sorted(driver.late)
        return LoopHealth(
            lag_p50=quantile(ordered, 0.5),
            lag_p99=quantile(ordered, 0.99),
            lag_max=ordered[-1] if ordered else 0.0,
            late_p99=quantile(late, 0.99),
            cpu_share=cpu_share,
            events=wire.meter.events,
            opened=wire.meter.opened,
            unsent=driver.unsent,
            skipped=driver.conversations.skipped,
            abandoned=abandoned,
        )


@contextmanager
def calm_collector() -> Iterator[None]:
    """Keeps the garbage collector from walking through all records again and again: it would stop the loop."""
    before = gc.get_threshold()
    with contextlib.ExitStack() as stack:
        gc.freeze()  # No collection first: the run's clock is running, and in a large program it takes a second.
        stack.callback(gc.unfreeze)
        gc.set_threshold(50_000, 20, 1_000)
        stack.callback(gc.set_threshold, *before)
        yield
