"""`preview`: from arguments to everything that a start would decide, and what would stop it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from sgl.config.arguments import ServeArguments
from sgl.config.engine import ResolvedConfig
from sgl.config.kv import KV_UNREADY
from sgl.config.model import ModelConfig
from sgl.config.resolve import Reason, beyond_model, decide
from sgl.device import DeviceInfo, probe_cpu
from sgl.errors import SglError
from sgl.plan.demand import Demand, demand
from sgl.plan.memory import MemoryPlan, plan_memory
from sgl.plan.place import Place, cpu_place
from sgl.preview.model import find_model, find_tokenizer
from sgl.preview.rows import Row, rows_of

_GPU_INSTRUCTIONS: Final = frozenset({"bf16"})
"""Every GPU that is planned for multiplies bfloat16 in hardware."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a start would be.

    Attributes:
        rows: Every flag with its value, origin and reason, in the order of help.
        model: The decoder; None when config.json cannot be read.
        resolved: The engine's config with every auto decided; None without ``model``.
        plan: The memory of one rank; None without ``model``.
        notices: Lines to show: those of the arguments, and whether a start would download.
        problems: What would stop a start, the first one that a start would show first.
    """

    rows: tuple[Row, ...]
    model: ModelConfig | None
    resolved: ResolvedConfig | None
    plan: MemoryPlan | None
    notices: tuple[str, ...]
    problems: tuple[SglError, ...]

    @property
    def exit_code(self) -> int:
        """What a start would end with at once; 0 when nothing stops it."""
        return self.problems[0].exit_code if self.problems else 0


def preview(
    arguments: ServeArguments, *, place: Place | None = None, environ: Mapping[str, str] = os.environ
) -> Preview:
    """Decides what a start would decide. Never raises for what a person got wrong: that is in ``problems``.

    Args:
        arguments: What was asked for (`sgl.config.arguments.read_serve`).
        place: The memory to plan for; None is that of this machine's CPU.
        environ: Says where the Hugging Face cache is, and whether the Hub may be asked.
    """
    engine = arguments.config.engine
    found = find_model(engine, arguments.revision, environ)
    tokenizer_notices, tokenizer_problems = find_tokenizer(arguments.config, environ)
    problems: list[SglError] = [*arguments.problems, *found.problems, *tokenizer_problems]
    resolved: ResolvedConfig | None = None
    reasons: tuple[Reason, ...] = ()
    plan: MemoryPlan | None = None
    if found.config is not None:
        problems += beyond_model(engine, found.config)
        device = probe_cpu()
        place = place or cpu_place(device)
        resolved, reasons = decide(engine, found.config, _device_of(place, device))
        plan = plan_memory(_demand(arguments, resolved, found.config, place))
        if plan.shortage is not None:
            problems.append(plan.shortage.as_error())
    return Preview(
        rows=tuple(rows_of(arguments, resolved, reasons, plan)),
        model=found.config,
        resolved=resolved,
        plan=plan,
        notices=(*arguments.notices, *found.notices, *tokenizer_notices),
        problems=tuple(problems),
    )


def _device_of(place: Place, cpu: DeviceInfo) -> DeviceInfo:
    """What `decide` has to know about the place; a GPU is fed by this machine's cores."""
    device = replace(cpu, memory_bytes=place.memory_bytes, available_bytes=place.available_bytes)
    return device if place.kind == "cpu" else replace(device, name=place.kind, instructions=_GPU_INSTRUCTIONS)


def _demand(arguments: ServeArguments, resolved: ResolvedConfig, model: ModelConfig, place: Place) -> Demand:
    """The demand of the resolved config, with the wishes that this version can plan for and not serve."""
    asked = demand(resolved, model, place, tp=arguments.config.engine.tp_size)
    kv = arguments.settings.get("--kv-cache-dtype")
    if kv is None or str(kv.value) not in KV_UNREADY:
        return asked
    wished = KV_UNREADY[str(kv.value)]
    name = str(kv.value)
    return replace(asked, kv_element_bytes=wished.element_bytes, kv_scale_bytes=wished.scale_bytes, kv_dtype=name)
