"""`Part`: the tensors of one quantised checkpoint matrix, as they lie there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

from sgl.config.layout.weight import Matrix
from sgl.config.quantization import Quantization
from sgl.config.quantized.tensors import Kind, StoredTensor, stored_tensors
from sgl.errors import CheckpointError
from sgl.weights.slot import Placement, Slot

DTYPES: Final[dict[Kind, torch.dtype]] = {
    "float": torch.float32,
    "fp8": torch.float8_e4m3fn,
    "int8": torch.int8,
    "uint8": torch.uint8,
    "int32": torch.int32,
    "int64": torch.int64,
}
"""Scales are read as float32, which every type of theirs fits into."""
MIDDLE_OF_FOUR_BITS: Final = -0x77777778
"""The int32 word of eight codes 8."""


class Part:
    """One matrix with its scales, zero points, and whatever else its scheme keeps.

    Args:
        name: What the checkpoint calls the matrix.
    """

    def __init__(self, name: str, outputs: int, inputs: int, quantization: Quantization, device: torch.device) -> None:
        self.name = name
        self.outputs = outputs
        self.inputs = inputs
        self.quantization = quantization
        self._described = tuple(stored_tensors(quantization, name, outputs, inputs))
        self._tensors = {each.suffix: self._room(each, device) for each in self._described}

    def _room(self, tensor: StoredTensor, device: torch.device) -> Tensor:
        """Room for a tensor, filled with what it means when it is missing."""
        if tensor.suffix in ("g_idx", "weight_g_idx"):
            return torch.arange(self.inputs, device=device) // (self.quantization.group or self.inputs)
        if tensor.suffix == "weight_shape":
            return torch.tensor([self.outputs, self.inputs], device=device)
        if tensor.optional:
            return torch.full(tensor.shape, MIDDLE_OF_FOUR_BITS, dtype=DTYPES[tensor.kind], device=device)
        return torch.empty(tensor.shape, dtype=DTYPES[tensor.kind], device=device)

    def slots(self) -> Iterator[Slot]:
        """One per tensor."""
        for each in self._described:
            yield Slot(f"{self.name}.{each.suffix}", self._tensors[each.suffix], each.optional)

    def take(self, suffix: str) -> Tensor:
        """A tensor, which is the caller's from now on."""
        return self._tensors.pop(suffix)

    def wrong(self, suffix: str, what: str) -> CheckpointError:
        """The error about one of the tensors."""
        return CheckpointError(f"'{self.name}.{suffix}' {what}")


def parts_of(matrix: Matrix, place: Placement) -> list[Part]:
    """The parts of a matrix that is quantised as ``place`` says."""
    assert place.quantization is not None, "asked for quantised matrices"
    return [
        Part(name, outputs, matrix.inputs, place.quantization, place.device)
        for name, outputs in zip(matrix.names, matrix.outputs, strict=True)
    ]
