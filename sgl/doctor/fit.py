"""Whether the model fits: the memory plan of a start, and the cheapest changes when it does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from sgl.config.arguments import ServeArguments
from sgl.config.compute import choose_gpu, describe
from sgl.config.defaults import CPU_MEMORY_FRACTION, GPU_MEMORY_FRACTION
from sgl.config.hf import HfConfig
from sgl.config.kv import KV_PLANNED, KvFormat
from sgl.config.sizes import gib
from sgl.device import probe_cpu
from sgl.doctor.assume import FLAG as ASSUME_FLAG
from sgl.doctor.assume import AssumedGpus, assume
from sgl.doctor.command_line import corrected
from sgl.doctor.estimate import Rank, estimate
from sgl.doctor.finding import Datum, Finding
from sgl.doctor.model.config import serve_another
from sgl.doctor.subject import Subject
from sgl.errors import SglError
from sgl.gpu import NO_GPU, Accelerator
from sgl.plan.header import TensorHeader
from sgl.plan.memory import MemoryPlan
from sgl.plan.place import place_of
from sgl.plan.remedies import cheapest_changes
from sgl.plan.steps import Change, fits
from sgl.preview.build import preview
from sgl.preview.document import contexts_of

_PLAN: Final = Subject("SGL801", "fit", "memory")
NO_MODEL: Final = _PLAN.skip("there is no model to plan for")
_PLACE: Final = Subject("SGL803", "fit", "planned for")
_HALF: Final = KvFormat(2)
"""A KV cache in bfloat16."""
_MOST_GPUS: Final = 8
"""A machine rarely has more; a change may ask for that many."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What came of planning.

    Attributes:
        findings: In the order of the report.
        plan: The memory of one rank; None where the model cannot be planned.
        changes: The cheapest ways to make it fit, each planned again; empty when it fits.
    """

    findings: list[Finding] = field(default_factory=list)
    plan: MemoryPlan | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be planned.

    Attributes:
        arguments: As they were read.
        leave_out: Settings, by our names of the flags, that keep it from starting.
        config: The model's, where it could be read.
        headers: The stored tensors, where they could be read.
        gpus: GPUs to plan for in place of this machine.
        accelerator: This machine's GPU, or why it cannot be used.
    """

    arguments: ServeArguments
    leave_out: frozenset[str] = frozenset()
    config: HfConfig | None = None
    headers: tuple[TensorHeader, ...] | None = None
    gpus: AssumedGpus | None = None
    accelerator: Accelerator = NO_GPU


def check_fit(wanted: Wanted) -> Fit:
    """Plans the memory as a start does, or estimates it where this version does not serve the model."""
    arguments = wanted.arguments
    if "--max-model-len" in wanted.leave_out:  # Beyond the model: planned as it would be without the flag.
        engine = replace(arguments.config.engine, max_model_len=None)
        arguments = arguments._replace(config=replace(arguments.config, engine=engine))
    if wanted.gpus is not None:
        arguments = assume(arguments, wanted.gpus)
    accelerator = wanted.accelerator if wanted.gpus is None else wanted.gpus.accelerator
    result = preview(arguments, accelerator=accelerator)
    if result.plan is None:
        return Fit(findings=[place_finding(wanted), _without_plan(wanted, arguments, result.problems)])
    changes = cheapest_changes(result.plan.demand, gpus=_MOST_GPUS)
    findings = [place_finding(wanted), _verdict(wanted, result.plan, changes), *_changes(wanted, changes)]
    return Fit(findings=findings, plan=result.plan, changes=changes)


def place_finding(wanted: Wanted) -> Finding:
    """Which memory the plan is about."""
    if wanted.gpus is not None:
        size, count = gib(wanted.gpus.place.memory_bytes), wanted.gpus.count
        what = f"an assumed GPU of {size}" if count == 1 else f"{count} assumed GPUs of {size} each"
        return _PLACE.ok(what, gpus=count)
    gpu, why = choose_gpu(wanted.arguments.config.engine, wanted.accelerator)
    if gpu is not None:
        return _PLACE.ok(f"this machine's GPU: {describe(gpu)}", gpu=gpu.name)
    idle = wanted.accelerator.gpu
    if idle is not None:
        return _PLACE.ok(f"this machine's CPU; its GPU ({idle.name}) is not used: {why}", idle_gpu=idle.name)
    return _PLACE.ok("this machine's CPU")


def _verdict(wanted: Wanted, plan: MemoryPlan, changes: tuple[Change, ...]) -> Finding:
    data = _data(plan)
    if plan.shortage is not None:
        return _PLAN.error(plan.shortage.message, _remedy(wanted, changes), **data)
    if not fits(plan):
        detail = (
            f"there is room for {plan.kv_tokens} tokens, less than one request of {plan.demand.max_model_len}: "
            "longer ones are refused"
        )
        return _PLAN.warn(detail, _remedy(wanted, changes), **data)
    held = plan.weight_bytes + plan.copy_bytes
    kind = "" if plan.demand.kv_dtype is None else f" {plan.demand.kv_dtype}"
    detail = (
        f"it fits: weights {gib(held)}, KV cache{kind} {gib(plan.kv_bytes)} for {plan.kv_tokens} tokens, "
        f"{gib(plan.free_bytes)} left"
    )
    return _PLAN.ok(detail, **data)


def _remedy(wanted: Wanted, changes: tuple[Change, ...]) -> str:
    """The whole command with the cheapest change that this version can do, or with another model."""
    change = next((change for change in changes if change.available), None)
    if change is None:
        return serve_another() if wanted.gpus is None else "--assume-gpu SIZE  # a larger one, or a smaller model"
    flags = _flags(wanted, change)
    if wanted.gpus is not None:  # `sgl serve` knows no assumed GPU.
        return flags
    return corrected(wanted.arguments.settings, wanted.leave_out, flags)


def _flags(wanted: Wanted, change: Change) -> str:
    """What to type; for more GPUs than were assumed, more of them are."""
    if wanted.gpus is None:
        return " ".join(change.flags)
    ranks = f"{ASSUME_FLAG} {wanted.gpus.size}:{change.plan.demand.tp}"
    return " ".join(ranks if flag.startswith("--tp ") else flag for flag in change.flags)


def _changes(wanted: Wanted, changes: tuple[Change, ...]) -> Iterator[Finding]:
    for number, change in enumerate(changes, start=1):
        subject = Subject("SGL802", "fit", f"change {number}")
        flags = _flags(wanted, change)
        tokens, room = change.plan.kv_tokens, gib(change.plan.kv_bytes)
        detail = f"fits, with {room} of KV cache for {tokens} tokens. {change.text}"
        if change.available:
            yield dataclasses.replace(subject.ok(detail, flags=flags), remedy=flags)
        else:
            yield subject.skip(detail, flags, flags=flags)


def _data(plan: MemoryPlan) -> dict[str, Datum]:
    requests = [f"{context} tokens: {plan.requests_at(context)}" for context in contexts_of(plan)] or ["none"]
    return {
        "weight_bytes": plan.weight_bytes + plan.copy_bytes,
        "kv_bytes": plan.kv_bytes,
        "kv_tokens": plan.kv_tokens,
        "free_bytes": plan.free_bytes,
        "requests": requests,
    }


def _without_plan(wanted: Wanted, arguments: ServeArguments, problems: tuple[SglError, ...]) -> Finding:
    """An estimate, or why there is none. ``arguments`` are the wanted ones with the place's defaults."""
    if wanted.config is None or not wanted.headers:
        why = problems[0].message if problems else "config.json cannot be read"
        return _PLAN.skip(f"it cannot be planned: {why}")
    engine = arguments.config.engine
    asked = arguments.settings.get("--kv-cache-dtype")
    accelerator = wanted.accelerator if wanted.gpus is None else wanted.gpus.accelerator
    place = place_of(probe_cpu(), choose_gpu(engine, accelerator)[0])
    default = CPU_MEMORY_FRACTION if place.kind == "cpu" else GPU_MEMORY_FRACTION
    rank = Rank(
        place=place,
        tp=engine.tp_size,
        fraction=engine.mem_fraction_static or default,
        kv=_HALF if asked is None else KV_PLANNED.get(str(asked.value), _HALF),
    )
    return estimate(wanted.headers, wanted.config, rank)
