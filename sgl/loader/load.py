"""Fills a model's slots from a checkpoint: nothing missing, nothing left over, every shape and type checked.

All headers are compared with the model before a byte of weights is read. Each layer is finished (packed, unpacked)
as soon as it is full, so that no more than one is held twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch

from sgl.config.model import ModelConfig
from sgl.errors import CheckpointError
from sgl.layers.base import Layer, smallest
from sgl.loader.checkpoint import StoredTensor, stored_tensors
from sgl.loader.dummy import fill_randomly
from sgl.loader.meter import Meter, Progress
from sgl.loader.reader import Reader
from sgl.plan.weights import is_ignored, same_shape
from sgl.weights.slot import Slot


class Model(Layer, Protocol):
    """A model with slots to fill."""

    config: ModelConfig


@dataclass(eq=False, slots=True)
class _Unit:
    """A layer that is finished when the tensors that the checkpoint has of it are read."""

    layer: Layer
    waiting: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tensor goes."""

    slot: Slot
    unit: _Unit


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
            fill_randomly(_in_turn(model, Meter(model.slots(), progress), deterministic), seed)
        else:
            _fill(model, folder, progress, deterministic)


def _in_turn(model: Model, meter: Meter, deterministic: bool) -> Iterator[Slot]:
    """Hands out all slots, to be filled before the next is taken, and finishes each layer after its last one."""
    for layer in smallest(model):
        yield from meter.passing(layer.slots())
        layer.finish(deterministic)


def _fill(model: Model, folder: Path, progress: Progress, deterministic: bool) -> None:
    units = dict.fromkeys(_Unit(layer) for layer in smallest(model))
    places = {slot.name: _Place(slot, unit) for unit in units for slot in unit.layer.slots()}
    wanted = _match(model.config, folder, places)
    for name in wanted:
        places[name].unit.waiting.add(name)
    meter = Meter([places[name].slot for name in wanted], progress)
    with Reader() as reader:
        for name, tensor in wanted.items():
            # A slot that is kept would keep the tensor that its layer lets go of when it is finished.
            unit = _read(reader, tensor, places.pop(name), meter)
            if not unit.waiting:
                del units[unit]
                _finish(unit, folder, deterministic)
    # What has no slots of its own, such as a head that shares the embedding, or only slots that may stay empty.
    places.clear()
    for unit in units:
        _finish(unit, folder, deterministic)


def _match(config: ModelConfig, folder: Path, places: dict[str, _Place]) -> dict[str, StoredTensor]:
    """The tensors to read by their slots' names, in the order in which they lie in the files.

    Raises:
        CheckpointError: One is missing, left over, there twice, or has another shape or type.
    """
    wanted: dict[str, StoredTensor] = {}
    left_over: list[StoredTensor] = []
    for tensor in stored_tensors(folder):
        name = config.names.canonical(tensor.name)
        place = places.get(name)
        if place is None:
            if not is_ignored(name, config):
                left_over.append(tensor)
            continue
        if name in wanted:
            raise tensor.wrong(f"is there twice, also as '{wanted[name].name}' in {wanted[name].path.name}")
        _check(tensor, place.slot)
        wanted[name] = tensor
    missing = sorted(name for name, place in places.items() if name not in wanted and not place.slot.optional)
    if missing:
        raise CheckpointError(f"{folder} lacks '{missing[0]}' ({len(missing)} weights missing)")
    if left_over:
        first = left_over[0]
        raise CheckpointError(
            f"{first.path} holds '{first.name}', which this architecture does not use ({len(left_over)} left over)"
        )
    return wanted


def _check(tensor: StoredTensor, slot: Slot) -> None:
    """Compares shape and type.

    Raises:
        CheckpointError: The slot does not take them.
    """
    if not same_shape(tensor.shape, tuple(slot.target.shape)):
        raise tensor.wrong(f"has shape {list(tensor.shape)}, config.json asks for {list(slot.target.shape)}")
    if tensor.dtype is None or not slot.takes(tensor.dtype):
        own = str(slot.target.dtype).removeprefix("torch.")
        wanted = "a floating-point one" if slot.takes(torch.float32) else own
        raise tensor.wrong(f"has type {tensor.type_name}, not {wanted}")


def _read(reader: Reader, tensor: StoredTensor, place: _Place, meter: Meter) -> _Unit:
    reader.fill(tensor, place.slot.target)
    meter.add(place.slot)
    place.unit.waiting.discard(place.slot.name)
    return place.unit


def _finish(unit: _Unit, folder: Path, deterministic: bool) -> None:
    try:
        unit.layer.finish(deterministic)
    except CheckpointError as error:
        # A layer knows its tensors and not where they came from.
        raise CheckpointError(f"{folder}: {error.message}", hint=error.hint) from error
