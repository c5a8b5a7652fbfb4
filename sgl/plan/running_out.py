"""`ways_out`: what to change when a GPU ran out of memory although the plan said that it would fit.

The plan's estimates were too low, or another process took memory. By how much is known from the allocation that
failed: proposed is what takes at least that much less of what had been taken by then, by the planner's own figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import floor
from typing import Final, Literal

from sgl.plan.demand import Demand
from sgl.plan.memory import MemoryPlan, plan_memory
from sgl.plan.steps import (
    Change,
    Propose,
    Step,
    bfloat16,
    fewer_requests,
    int8_cache,
    quantised,
    smaller_graphs,
    smaller_steps,
)

Stage = Literal["weights", "step", "pool", "graphs"]
"""When memory ran out: as weights were loaded, in the first step, as the KV pool was made, as graphs were captured."""
MARGIN: Final = 256 * 2**20
"""Taken less than what was missing, so that the next start does not miss the end by a hair."""
SMALLEST_FRACTION: Final = 0.05


def ways_out(demand: Demand, stage: Stage, missing_bytes: int) -> tuple[Change, ...]:
    """Changes that take enough less, one of each kind, those that lose least first; empty where there is none.

    Args:
        missing_bytes: By how much the allocation that failed was too large; at least 1.
    """
    needed = missing_bytes + MARGIN
    before = _taken(plan_memory(demand), stage)
    found = []
    for kind in _KINDS[stage]:
        for step in kind(demand):
            plan = plan_memory(step.demand)
            if plan.shortage is None and _taken(plan, stage) <= before - needed:
                found.append(step)
                break
    return tuple(Change.of(step) for step in sorted(found, key=lambda step: step.loss))


def _taken(plan: MemoryPlan, stage: Stage) -> int:
    """Bytes that are taken, by the plan, when a stage is at its end."""
    taken = plan.weight_bytes + plan.copy_bytes
    match stage:
        case "weights":
            return taken
        case "step":
            return taken + plan.activation_bytes
        case "pool":
            return taken + plan.kv_bytes
        case "graphs":
            return taken + plan.kv_bytes + plan.graph_bytes + plan.buffer_bytes


def _smaller_pool(demand: Demand) -> Iterator[Step]:
    """A smaller pool, by a smaller share of the memory or by fewer tokens where those were asked for."""
    plan = plan_memory(demand)
    if demand.max_total_tokens is not None:
        for parts in range(7, 0, -1):
            pages = max(1, plan.pages * parts // 8)
            tokens = pages * demand.page_size
            smaller = replace(demand, max_total_tokens=tokens)
            yield Step(smaller, f"--max-total-tokens {tokens}", "Fewer tokens are cached.", 0.5)
        return
    held = plan.weight_bytes + plan.copy_bytes + plan.kv_bytes
    hundredths = floor(100 * held / demand.place.memory_bytes)
    for percent in range(hundredths - 1, int(100 * SMALLEST_FRACTION), -1):
        smaller = replace(demand, fraction=percent / 100)
        yield Step(smaller, f"--mem-fraction-static {percent / 100:.2f}", "Fewer tokens are cached.", 0.5)


_KINDS: Final[dict[Stage, tuple[Propose, ...]]] = {
    "weights": (bfloat16, quantised),
    "step": (smaller_steps, fewer_requests, bfloat16, quantised),
    "pool": (_smaller_pool, int8_cache),
    "graphs": (_smaller_pool, smaller_graphs),
}
