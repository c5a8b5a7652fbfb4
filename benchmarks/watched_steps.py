"""`watched_steps`: runs a scheduler to its end, and tells what each step computed and how long it took."""

from __future__ import annotations

import time
from collections.abc import Iterator

from sgl.batch.batch import Batch
from sgl.scheduler.loop import Scheduler


def watched_steps(scheduler: Scheduler) -> Iterator[tuple[Batch | None, float]]:
    """The batch of each step, None where nothing was to compute, and the step's seconds."""
    planner = scheduler.planner
    plan = planner.plan
    planned: list[Batch | None] = []

    def noted(now: float, *, in_flight: bool = False) -> Batch | None:
        planned.append(plan(now, in_flight=in_flight))
        return planned[-1]

    while not planner.idle:
        planned.clear()
        planner.plan = noted  # type: ignore[method-assign]
        begun = time.perf_counter()
        scheduler.step()
        seconds = time.perf_counter() - begun
        del planner.plan
        yield planned[0], seconds
