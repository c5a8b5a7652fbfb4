"""`judge`: whether a model, known by its config.json alone, is served at all, and fits this machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from sgl.config.engine import EngineConfig
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.config.resolve import decide
from sgl.config.sizes import gib
from sgl.device import DeviceInfo
from sgl.errors import SglError
from sgl.gpu import NO_GPU, Accelerator
from sgl.models.table import read_model_config, served_architecture
from sgl.plan.demand import demand
from sgl.plan.memory import MemoryPlan, plan_memory
from sgl.plan.place import place_of

Verdict = Literal["fits", "too large", "not served"]


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What a model would be on this machine.

    Attributes:
        verdict: ``not served``: this version cannot serve it anywhere.
        line: One sentence for people.
        architecture: As config.json names it, where it does.
        model: The decoder; None when config.json was not understood.
        plan: The memory of a start with nothing but ``-m``; None without ``model``.
    """

    verdict: Verdict
    line: str
    architecture: str | None = None
    model: ModelConfig | None = None
    plan: MemoryPlan | None = None

    @property
    def served(self) -> bool:
        """Whether this version can serve the model, on a machine that is large enough."""
        return self.verdict != "not served"


def judge(content: bytes | None, device: DeviceInfo, accelerator: Accelerator = NO_GPU) -> Fit:
    """Judges the text of a config.json.

    Args:
        content: The text; None when the model has no such file.
        device: This machine (`sgl.device.probe_cpu`).
        accelerator: Its GPU (`sgl.preview.gpu.look_for_gpu`).
    """
    if content is None:
        return Fit(verdict="not served", line="sgl cannot serve it: it has no config.json.")
    try:
        values: Any = json.loads(content)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        return Fit(verdict="not served", line="sgl cannot serve it: its config.json is not a JSON object.")
    names = values.get("architectures")
    architecture = str(names[0]) if isinstance(names, list) and names else None
    try:
        model = read_model_config(HfConfig(values))
    except SglError as error:
        if architecture is not None and served_architecture([architecture]) is None:
            line = f"sgl does not serve {architecture} yet."
        else:
            line = f"sgl cannot serve it: {error.message.rstrip('.')}."
        return Fit(verdict="not served", line=line, architecture=architecture)
    resolved, _ = decide(EngineConfig(model_path="."), model, device, accelerator)
    plan = plan_memory(demand(resolved, model, place_of(device, accelerator.usable)))
    return Fit(
        verdict="too large" if plan.shortage is not None else "fits",
        line=_line(plan),
        architecture=model.architecture,
        model=model,
        plan=plan,
    )


def _line(plan: MemoryPlan) -> str:
    place = plan.demand.place
    if plan.shortage is not None:
        return f"Does not fit this machine ({place.name}): {plan.shortage.message.rstrip('.')}."
    return (
        f"Fits this machine ({place.name}): {gib(plan.weight_bytes + plan.copy_bytes)} of weights and "
        f"{gib(plan.kv_bytes)} of KV cache for {plan.kv_tokens} tokens, of {gib(place.available_bytes)} free."
    )
