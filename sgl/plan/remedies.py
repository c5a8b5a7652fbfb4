"""`cheapest_changes`: what to change when a plan does not fit, every proposal verified by `plan_memory` itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence, Set

from sgl.errors import SglError
from sgl.plan.demand import Demand
from sgl.plan.memory import MemoryPlan, plan_memory
from sgl.plan.steps import (
    Change,
    Propose,
    Step,
    advice,
    bfloat16,
    fewer_requests,
    fits,
    fitting_pool,
    int8_cache,
    larger_share,
    more_ranks,
    quantised,
    shorter_context,
    smaller_graphs,
    smaller_steps,
)

_Way = tuple[Step, ...]
"""Changes that are made together."""


def cheapest_changes(demand: Demand, *, limit: int = 3, gpus: int = 1) -> tuple[Change, ...]:
    """The changes that make it fit, those that lose least first, those of later versions last.

    Args:
        limit: Most changes.
        gpus: GPUs of the machine, for ``--tp``.

    Returns:
        Nothing when it fits as it is, or when nothing sgl knows makes it fit. Two changes together are proposed when
        fewer than ``limit`` single ones are enough, three when nothing else is.
    """
    if fits(plan_memory(demand)):
        return ()
    on_gpu: tuple[Propose, ...] = () if demand.place.kind == "cpu" else (smaller_graphs, quantised, more_ranks(gpus))
    kinds: tuple[Propose, ...] = (
        *(bfloat16, fitting_pool, smaller_steps, fewer_requests, larger_share, int8_cache),
        *on_gpu,
        shorter_context,
    )
    ways: dict[tuple[Propose, ...], _Way] = {
        (kind,): way for kind in kinds if (way := _first_that_fits(demand, kind)) is not None
    }
    for together in (2, 3):
        if sum(_available(way) for way in ways.values()) < (limit if together == 2 else 1):
            ways |= dict(_combinations(demand, kinds, together, {kind for (kind, *_) in ways}))
    flags = [{step.flag for step in way} for way in ways.values()]
    useful = [way for way, own in zip(ways.values(), flags, strict=True) if not any(own > other for other in flags)]
    best = sorted(useful, key=lambda way: (not _available(way), sum(step.loss for step in way)))
    return tuple(Change.of(*way) for way in best[:limit])


def shortage_error(plan: MemoryPlan) -> SglError | None:
    """The error that ends a start, None where nothing is short; for a GPU, its hint has flags that make it fit."""
    short = plan.shortage
    if short is None:
        return None
    error = short.as_error()
    if plan.demand.place.kind == "cuda" and not short.contradiction:
        found = [change for change in cheapest_changes(plan.demand) if change.available]
        error.hint = advice(tuple(found)) if found else error.hint
    return error


def _first_that_fits(demand: Demand, kind: Propose) -> _Way | None:
    return next(((step,) for step in kind(demand) if fits(plan_memory(step.demand))), None)


def _combinations(
    demand: Demand, kinds: Sequence[Propose], count: int, enough: Set[Propose]
) -> Iterator[tuple[tuple[Propose, ...], _Way]]:
    """Several changes of this version together: the strongest of all kinds but the last, then what of that suffices.

    Kinds that are ``enough`` alone stay out, but for the context, which has to shrink less after another change.
    """
    for firsts in itertools.combinations([kind for kind in kinds if kind not in enough], count - 1):
        way: _Way = ()
        changed = demand
        for kind in firsts:
            strongest = max(
                (step for step in kind(changed) if step.available), key=lambda step: step.loss, default=None
            )
            if strongest is None:
                break
            way, changed = (*way, strongest), strongest.demand
        if len(way) < len(firsts):
            continue
        for last in kinds[kinds.index(firsts[-1]) + 1 :]:
            found = None if last in enough and last is not shorter_context else _first_that_fits(changed, last)
            if found is not None and _available(found):
                yield (*firsts, last), (*way, *found)


def _available(way: _Way) -> bool:
    return all(step.available for step in way)
