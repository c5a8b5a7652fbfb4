"""`cheapest_changes`: what to change when a plan does not fit, every proposal verified by `plan_memory` itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from typing import Final

from sgl.config.kv import KV_FORMATS
from sgl.config.packing import BFLOAT16_HARDWARE
from sgl.plan.demand import Demand
from sgl.plan.memory import LARGEST_FRACTION, MemoryPlan, fraction_for, plan_memory

SMALLEST_CONTEXT: Final = 256
"""Shorter contexts are not proposed: nobody can work with them."""
SMALLEST_CHUNK: Final = 128
"""Smaller steps are not proposed: prompts would be computed at a fraction of the speed."""
MOST_RANKS: Final = 64


@dataclass(frozen=True, slots=True)
class Change:
    """One way to make it fit.

    Attributes:
        flags: What to write, flag and value in one text each: ``--max-model-len 24576``.
        text: One sentence: what it costs the user.
        plan: The plan with the change; it has no shortage and holds a request of full context.
        available: Whether this version can do it.
    """

    flags: tuple[str, ...]
    text: str
    plan: MemoryPlan
    available: bool = True


@dataclass(frozen=True, slots=True)
class _Step:
    """A changed demand and how much the user loses by it: 0 is nothing, 10 is most of the context."""

    demand: Demand
    flag: str
    text: str
    loss: float
    available: bool = True


Propose = Callable[[Demand], Iterator[_Step]]
"""Changes of one kind, those that lose least first; whether they are enough is found out by planning."""
_Way = tuple[_Step, ...]
"""Changes that are made together."""


def fits(plan: MemoryPlan) -> bool:
    """Whether nothing is short and the pool holds one request of full context."""
    return plan.shortage is None and plan.kv_tokens >= plan.demand.max_model_len


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
    kinds: tuple[Propose, ...] = (_bfloat16, _pool, _chunk, _running, _fraction, _int8, _ranks(gpus), _context)
    ways: dict[tuple[Propose, ...], _Way] = {
        (kind,): way for kind in kinds if (way := _first_that_fits(demand, kind)) is not None
    }
    for together in (2, 3):
        if sum(_available(way) for way in ways.values()) < (limit if together == 2 else 1):
            ways |= dict(_combinations(demand, kinds, together, {kind for (kind, *_) in ways}))
    flags = [{step.flag for step in way} for way in ways.values()]
    useful = [way for way, own in zip(ways.values(), flags, strict=True) if not any(own > other for other in flags)]
    best = sorted(useful, key=lambda way: (not _available(way), sum(step.loss for step in way)))
    return tuple(_change(way) for way in best[:limit])


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
            found = None if last in enough and last is not _context else _first_that_fits(changed, last)
            if found is not None and _available(found):
                yield (*firsts, last), (*way, *found)


def _available(way: _Way) -> bool:
    return all(step.available for step in way)


def _change(way: _Way) -> Change:
    return Change(
        flags=tuple(step.flag for step in way),
        text=" ".join(step.text for step in way),
        plan=plan_memory(way[-1].demand),
        available=_available(way),
    )


# -- one function per kind of change ---------------------------------------------------------------


def _fraction(demand: Demand) -> Iterator[_Step]:
    """A larger share of the memory: nothing is lost where nobody else needs it."""
    if demand.max_total_tokens is not None:
        return
    needed = fraction_for(plan_memory(demand), -(-demand.max_model_len // demand.page_size))
    fraction = min(needed, LARGEST_FRACTION)
    if demand.fraction < fraction:
        flag = f"--mem-fraction-static {fraction:.2f}"
        yield _Step(replace(demand, fraction=fraction), flag, "Leaves less memory to other programs.", 0.0)


def _pool(demand: Demand) -> Iterator[_Step]:
    """As many tokens as one request needs, or as fit, when other figures were asked for."""
    if demand.max_total_tokens is None:
        return
    plan = plan_memory(demand)
    fitting = (plan.free_bytes + plan.kv_bytes) // plan.page_bytes - 1
    too_much = plan.free_bytes < 0
    pages = fitting if too_much else min(fitting, -(-demand.max_model_len // demand.page_size))
    if pages < 1 or (not too_much and pages <= plan.pages):
        return
    tokens = pages * demand.page_size
    text = "Fewer tokens are cached." if too_much else "The KV pool takes more memory."
    yield _Step(replace(demand, max_total_tokens=tokens), f"--max-total-tokens {tokens}", text, 0.5)


def _chunk(demand: Demand) -> Iterator[_Step]:
    """Smaller steps: prompts are computed a little slower."""
    for chunk in _powers_below(demand.chunk, SMALLEST_CHUNK):
        flag = f"--chunked-prefill-size {chunk}"
        loss = 1 + 0.1 * (demand.chunk / chunk - 1)
        yield _Step(replace(demand, chunk=chunk), flag, "Long prompts take longer.", loss)


def _running(demand: Demand) -> Iterator[_Step]:
    """Fewer requests at once."""
    for running in _powers_below(demand.running, 1):
        flag = f"--max-running-requests {running}"
        loss = 2 + 0.1 * (demand.running / running - 1)
        yield _Step(replace(demand, running=running), flag, "More requests wait for their turn.", loss)


def _bfloat16(demand: Demand) -> Iterator[_Step]:
    """Half the bytes; nothing is lost when the checkpoint has no more digits."""
    if demand.element_bytes <= 2:
        return
    exact = demand.model.checkpoint_dtype == "bfloat16"
    text = "It is the checkpoint's own type" if exact else "Weights keep 8 bits of their mantissa"
    slow = demand.place.kind == "cpu" and not demand.place.instructions & BFLOAT16_HARDWARE
    text += ", which this CPU multiplies slower." if slow else "."
    yield _Step(demand.in_bfloat16(), "--dtype bfloat16", text, 2.5 if exact else 4.0)


def _int8(demand: Demand) -> Iterator[_Step]:
    if demand.kv_element_bytes > 1:
        element_bytes, scale_bytes = KV_FORMATS["int8"]
        narrow = replace(demand, kv_element_bytes=element_bytes, kv_scale_bytes=scale_bytes, kv_dtype="int8")
        yield _Step(narrow, "--kv-cache-dtype int8", "Rounds the KV cache to 8 bits.", 3.0)


def _ranks(gpus: int) -> Propose:
    def propose(demand: Demand) -> Iterator[_Step]:
        """More GPUs that share the model; heads must be shared out evenly."""
        tp = 2 * demand.tp
        while demand.place.kind == "cuda" and tp <= min(gpus, MOST_RANKS) and demand.model.num_heads % tp == 0:
            text = f"Takes {tp} GPUs; not in this version."
            yield _Step(replace(demand, tp=tp), f"--tp {tp}", text, 3.0 + tp, available=False)
            tp *= 2

    return propose


def _context(demand: Demand) -> Iterator[_Step]:
    """The longest context that fits, in round numbers."""
    low, high = 0, demand.max_model_len  # low fits or is 0, high does not.
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(plan_memory(replace(demand, max_model_len=middle))) else (low, middle)
    length = pleasant(low)
    if length >= SMALLEST_CONTEXT:
        loss = 2.0 + 8.0 * (1 - length / demand.max_model_len)
        text = f"Prompt and answer together have at most {length} tokens instead of {demand.max_model_len}."
        yield _Step(replace(demand, max_model_len=length), f"--max-model-len {length}", text, loss)


def pleasant(count: int) -> int:
    """The largest round number up to ``count``: whole 1024s from 4096 on, 256s from 512 on."""
    multiple = 1024 if count >= 4096 else 256 if count >= 512 else 16 if count >= 16 else 1
    return count // multiple * multiple


def _powers_below(count: int, floor: int) -> Iterator[int]:
    """Powers of two below ``count``, the largest first."""
    power = 1 << max(0, (count - 1).bit_length() - 1)
    while power >= floor and power < count:
        yield power
        power //= 2
