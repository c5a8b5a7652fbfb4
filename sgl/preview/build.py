"""`preview`: from arguments to everything that a start would decide, and what would stop it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sgl.config.arguments import ServeArguments
from sgl.config.engine import ResolvedConfig
from sgl.config.kv import KV_UNREADY
from sgl.config.model import ModelConfig
from sgl.config.reason import Reason
from sgl.config.resolve import beyond_machine, beyond_model, decide
from sgl.device import DeviceInfo, probe_cpu
from sgl.errors import SglError
from sgl.gpu import Accelerator
from sgl.plan.demand import Demand, demand
from sgl.plan.memory import MemoryPlan, plan_memory
from sgl.plan.place import Place, place_of
from sgl.preview.gpu import look_for_gpu
from sgl.preview.model import find_model, find_tokenizer
from sgl.preview.rows import Row, rows_of


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
    arguments: ServeArguments,
    *,
    device: DeviceInfo | None = None,
    accelerator: Accelerator | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Preview:
    """Decides what a start would decide. Never raises for what a person got wrong: that is in ``problems``.

    Args:
        arguments: What was asked for (`sgl.config.arguments.read_serve`).
        device: The CPU to plan for; None is this machine's.
        accelerator: The GPU to plan for, or why there is none; None looks for this machine's.
        environ: Says where the Hugging Face cache is, whether the Hub may be asked, and which GPUs are visible.
    """
    engine = arguments.config.engine
    found = find_model(engine, arguments.revision, environ)
    tokenizer_notices, tokenizer_problems = find_tokenizer(arguments.config, environ)
    problems: list[SglError] = [*arguments.problems, *found.problems, *tokenizer_problems]
    resolved: ResolvedConfig | None = None
    reasons: tuple[Reason, ...] = ()
    plan: MemoryPlan | None = None
    if found.config is not None:
        device = device or probe_cpu()
        if accelerator is None:
            accelerator = look_for_gpu(environ, nvidia=engine.device != "cpu")
        problems += beyond_model(engine, found.config)
        problems += beyond_machine(engine, found.config, device, accelerator)
        resolved, reasons = decide(engine, found.config, device, accelerator)
        place = place_of(device, accelerator.usable if resolved.device == "cuda" else None)
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


def _demand(arguments: ServeArguments, resolved: ResolvedConfig, model: ModelConfig, place: Place) -> Demand:
    """The demand of the resolved config, with the wishes that this version can plan for and not serve."""
    asked = demand(resolved, model, place, tp=arguments.config.engine.tp_size)
    kv = arguments.settings.get("--kv-cache-dtype")
    if kv is None or str(kv.value) not in KV_UNREADY:
        return asked
    wished = KV_UNREADY[str(kv.value)]
    name = str(kv.value)
    return replace(asked, kv_element_bytes=wished.element_bytes, kv_scale_bytes=wished.scale_bytes, kv_dtype=name)
