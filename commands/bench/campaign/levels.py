"""`Level`: one load of a campaign, and the `LoadPlan` that puts it on a server."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..flags.plan import AT_ONCE, BenchPlan, LoadWish
from ..flags.plan import Ramp as RampWish
from ..load.arrivals import Arrivals, Constant, Gamma, Ramp, Trace
from ..load.plan import LoadPlan
from ..wire.wire import Limits

GAP_SECONDS: Final = 600.0
"""Longest silence within an answer: a long prompt behind a long queue takes its time."""


@dataclass(frozen=True)
class Level:
    """One load.

    Attributes:
        concurrency: Requests at a time; None in an open loop without a bound.
        rate: Requests per second; None in a closed loop, and where a ramp or a trace has the times.
        requests: How many to send; None leaves it to the plan.
    """

    concurrency: int | None = None
    rate: float | None = None
    requests: int | None = None

    def __str__(self) -> str:
        if self.rate == AT_ONCE:
            return "all at once"
        if self.rate is not None:
            return f"{self.rate:g} req/s"
        return "by schedule" if self.concurrency is None else f"concurrency {self.concurrency}"


def levels(load: LoadWish) -> Iterator[Level]:
    """Every load of a campaign, in the order it was asked for."""
    if not load.open:
        yield from (Level(concurrency=number) for number in load.concurrency)
    elif load.rates:
        yield from (Level(load.bound, rate) for rate in load.rates)
    else:
        yield Level(load.bound)


def requests_of(plan: BenchPlan, level: Level) -> int | None:
    """How many requests a level sends; None when a time or the end of a file ends it."""
    return level.requests or plan.prompts(None if plan.load.open else level.concurrency)


def load_plan(plan: BenchPlan, level: Level, requests: int | None) -> LoadPlan:
    """How a level is put on a server.

    Args:
        plan: What was asked for.
        level: Which load.
        requests: How many there will be; None until a time ends it.
    """
    load = plan.load
    arrivals = _arrivals(load, level, requests, plan.data.seed)
    concurrency = level.concurrency
    if arrivals is None and level.rate == AT_ONCE:
        concurrency = min(level.concurrency or requests or 1, requests or 1)
    return LoadPlan(
        concurrency=concurrency,
        arrivals=arrivals,
        requests=requests,
        duration=load.duration,
        limits=Limits(request=load.timeout, gap=min(GAP_SECONDS, load.timeout)),
        workers=load.workers,
        flush=load.flush_cache,
    )


def _arrivals(load: LoadWish, level: Level, requests: int | None, seed: int) -> Arrivals | None:
    if load.arrival == "trace":
        return Trace()  # The dataset has played it faster already.
    if load.ramp is not None:
        seconds = load.duration or _seconds(load.ramp, requests or 1)
        even = load.arrival == "constant"
        return Ramp(load.ramp.start, load.ramp.end, seconds, load.ramp.shape, None if even else seed)
    if level.rate is None or level.rate == AT_ONCE:
        return None
    if load.arrival == "constant":
        return Constant(level.rate)
    return Gamma(level.rate, load.burstiness, seed)


def _seconds(ramp: RampWish, requests: int) -> float:
    """How long a ramp takes to send so many."""
    if ramp.shape == "exponential":
        return requests * math.log(ramp.end / ramp.start) / (ramp.end - ramp.start)
    return 2 * requests / (ramp.start + ramp.end)
