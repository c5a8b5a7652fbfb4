"""Fills a model's slots from a checkpoint: nothing missing, nothing left over, every shape checked."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

import torch

from sgl.config.model import ModelConfig
from sgl.errors import CheckpointError
from sgl.layers.base import Layer, Slot
from sgl.loader.checkpoint import Checkpoint
from sgl.loader.dummy import fill_randomly


class Model(Layer, Protocol):
    """A model with slots to fill."""

    config: ModelConfig


def load_weights(model: Model, folder: Path, *, load_format: str, seed: int, deterministic: bool) -> None:
    """Fills and finishes ``model``.

    Args:
        load_format: ``safetensors`` reads the folder's files; ``dummy`` draws random weights from ``seed``.

    Raises:
        CheckpointError: The files do not hold exactly what the model needs.
    """
    with torch.inference_mode():
        if load_format == "dummy":
            fill_randomly(model.slots(), seed)
        else:
            _fill(model, Checkpoint(folder))
        model.finish(deterministic)


def _fill(model: Model, checkpoint: Checkpoint) -> None:
    slots: dict[str, Slot] = {slot.name: slot for slot in model.slots()}
    open_slots = set(slots)
    left_over: list[str] = []
    for name, tensor in checkpoint.tensors():
        slot = slots.get(name)
        if slot is None:
            if not _ignored(name, model.config):
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
    _report(checkpoint.folder, sorted(open_slots), left_over)


def _ignored(name: str, config: ModelConfig) -> bool:
    """Whether a checkpoint tensor holds nothing new: buffers, or a tied head's second copy."""
    if config.tie_embeddings and name == "lm_head.weight":
        return True
    return any(fnmatchcase(name, pattern) for pattern in config.ignored_weights)


def _report(folder: Path, missing: list[str], left_over: list[str]) -> None:
    if missing:
        raise CheckpointError(f"{folder} lacks '{missing[0]}' ({len(missing)} weights missing)")
    if left_over:
        raise CheckpointError(
            f"{folder} holds '{left_over[0]}', which this architecture does not use ({len(left_over)} left over)"
        )
