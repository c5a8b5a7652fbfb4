"""Fills a model's slots from a checkpoint: nothing missing, nothing left over, every shape checked."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch

from sgl.config.model import ModelConfig
from sgl.errors import CheckpointError
from sgl.layers.base import Layer
from sgl.loader.checkpoint import Checkpoint
from sgl.loader.dummy import fill_randomly
from sgl.loader.meter import Meter, Progress
from sgl.plan.weights import is_ignored
from sgl.weights.slot import Slot


class Model(Layer, Protocol):
    """A model with slots to fill."""

    config: ModelConfig


def load_weights(
    model: Model,
    folder: Path,
    *,
    load_format: str,
    seed: int,
    deterministic: bool,
    progress: Progress = lambda done, total: None,
) -> None:
    """Fills and finishes ``model``.

    Args:
        load_format: ``safetensors`` reads the folder's files; ``dummy`` draws random weights from ``seed``.
        progress: Hears how many bytes of how many are filled, a few times a second.

    Raises:
        CheckpointError: The files do not hold exactly what the model needs.
    """
    with torch.inference_mode():
        if load_format == "dummy":
            slots = list(model.slots())
            fill_randomly(Meter(slots, progress).passing(slots), seed)
        else:
            _fill(model, Checkpoint(folder), progress)
        model.finish(deterministic)


def _fill(model: Model, checkpoint: Checkpoint, progress: Progress) -> None:
    slots: dict[str, Slot] = {slot.name: slot for slot in model.slots()}
    meter = Meter(slots.values(), progress)
    open_slots = set(slots)
    left_over: list[str] = []
    for name, tensor in checkpoint.tensors():
        slot = slots.get(name)
        if slot is None:
            if not is_ignored(name, model.config):
                left_over.append(name)
            continue
        if name not in open_slots:
            raise CheckpointError(f"{checkpoint.folder} holds '{name}' twice")
        if tensor.shape != slot.target.shape:
            raise CheckpointError(
                f"{checkpoint.folder}: '{name}' has shape {list(tensor.shape)}, config.json asks for "
                f"{list(slot.target.shape)}"
            )
        if not tensor.dtype.is_floating_point:
            raise CheckpointError(f"{checkpoint.folder}: '{name}' has type {tensor.dtype}, not a floating-point one")
        slot.target.copy_(tensor)
        open_slots.discard(name)
        meter.add(slot)
    _report(checkpoint.folder, sorted(open_slots), left_over)


def _report(folder: Path, missing: list[str], left_over: list[str]) -> None:
    if missing:
        raise CheckpointError(f"{folder} lacks '{missing[0]}' ({len(missing)} weights missing)")
    if left_over:
        raise CheckpointError(
            f"{folder} holds '{left_over[0]}', which this architecture does not use ({len(left_over)} left over)"
        )
