"""`sweep`: raises the load until the server is saturated, then looks once more beside the knee.

The load doubles from level to level. It is saturated when twice of it brings less than 5 % more throughput while
TTFT or the server's queue grows; when requests fail more often than ``--max-errors`` allows; or when fewer than 90 %
keep to the objectives. One more level between the knee and the one above it makes the picture finer. What the knee is
says `sgl_cli.bench.output.knee`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from ..flags.plan import BenchPlan, ErrorLimit
from ..output.knee import find_knee
from .levels import Level
from .runner import Finished

GAIN: Final = 0.05
ATTAINMENT: Final = 0.9
MOST_LEVELS: Final = 14
"""From one request at a time to 8,192."""

SECONDS_A_LEVEL: Final = 20.0
"""Of an open loop without a number of its own: at a high rate a hundred requests are over in a moment."""


@dataclass(frozen=True)
class Sweep:
    """What a sweep came to.

    Attributes:
        levels: By their load.
        why: Why it ended, in words.
    """

    levels: tuple[Finished, ...]
    why: str


def sweep(plan: BenchPlan, run: Callable[[Level, int], Finished], report: Callable[[Finished], None]) -> Sweep:
    """Runs level after level.

    Args:
        plan: What was asked for; its one concurrency or rate is the first level.
        run: Runs a level with the prompts of a number.
        report: Told of each level that is over.
    """
    done: list[Finished] = []
    why = f"{MOST_LEVELS} levels are the most"
    for number, level in enumerate(_doubling(plan)):
        done.append(run(level, number))
        report(done[-1])
        if done[-1].is_last:
            return Sweep(tuple(done), done[-1].early or "interrupted")
        why_saturated = saturated(done[-2] if len(done) > 1 else None, done[-1], plan.load.max_errors)
        if why_saturated:
            why = why_saturated
            break
    between = _between(done, plan)
    if between is not None:
        done.append(run(between, len(done)))
        report(done[-1])
    return Sweep(tuple(sorted(done, key=lambda each: _load_of(each.level))), why)


def saturated(before: Finished | None, now: Finished, limit: ErrorLimit) -> str:
    """Why a level is too much for the server, in words; empty when it is not.

    Args:
        before: The level with half of the load; None for the first one.
        now: The level.
        limit: Failures that a run may have.
    """
    summary = now.summary
    if not limit.allows(summary.failed, summary.sent):
        return f"{100 * summary.error_rate:.3g} % of requests failed at {now.level}"
    goodput = summary.goodput
    if goodput is not None and goodput.attainment < ATTAINMENT:
        return f"only {100 * goodput.attainment:.3g} % of requests kept to the objectives at {now.level}"
    if before is None:
        return ""
    earlier, later = _throughput(before), _throughput(now)
    gain = later / earlier - 1 if earlier else math.inf
    if gain >= GAIN or not _waits_longer(before, now):
        return ""
    return f"{now.level} brings {100 * gain:+.1f} % throughput against {before.level}, and requests wait longer"


def _doubling(plan: BenchPlan) -> Iterator[Level]:
    load = plan.load
    for step in range(MOST_LEVELS):
        if load.rates:
            yield _at_rate(load.rates[0] * 2**step, plan)
        else:
            yield Level(concurrency=load.concurrency[0] * 2**step)


def _at_rate(rate: float, plan: BenchPlan) -> Level:
    load = plan.load
    counted = load.num_prompts is None and load.duration is None and not plan.one_pass
    return Level(load.bound, rate, max(100, math.ceil(rate * SECONDS_A_LEVEL)) if counted else None)


def _between(done: list[Finished], plan: BenchPlan) -> Level | None:
    """The level in the middle of the knee and the next one, or of the last two; None when there is none."""
    if len(done) < 2:
        return None
    knee = find_knee([each.result for each in done])
    lower, upper = (done[knee], done[knee + 1]) if knee is not None else (done[-2], done[-1])
    if lower.level.rate is not None and upper.level.rate is not None:
        return _at_rate((lower.level.rate + upper.level.rate) / 2, plan)
    low, high = lower.level.concurrency or 0, upper.level.concurrency or 0
    middle = (low + high) // 2
    return replace(lower.level, concurrency=middle) if low < middle < high else None


def _throughput(finished: Finished) -> float:
    steady = finished.summary.steady
    return finished.summary.throughput.out_tok_s if steady is None else steady.out_tok_s


def _waits_longer(before: Finished, now: Finished) -> bool:
    """Whether the first token comes later, or the server's queue is longer."""
    pairs = [(_ttft(before), _ttft(now)), (_queue(before), _queue(now))]
    return any(earlier is not None and later is not None and later > earlier for earlier, later in pairs)


def _ttft(finished: Finished) -> float | None:
    ttft = finished.summary.latencies.ttft
    return None if ttft is None else ttft.quantiles.get("p50", ttft.mean)


def _queue(finished: Finished) -> float | None:
    server = finished.summary.server
    return None if server is None else server.mean_seconds.get("queue")


def _load_of(level: Level) -> float:
    return level.rate if level.rate is not None else float(level.concurrency or 0)
