"""`Fp8Stored`: FP8 weights, expanded when they are loaded: a CPU has no instructions for them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import torch
from torch import Tensor

from sgl.config.held import holding_of
from sgl.config.layout.weight import Matrix
from sgl.kernels.matmul import Matmul, choose_matmul
from sgl.weights.bias import Bias
from sgl.weights.part import Part, parts_of
from sgl.weights.slot import Placement, Slot


class Fp8Stored:
    """See `sgl.weights.stored.Stored`. A scale is of a tensor, of an output, or of a block."""

    def __init__(self, matrix: Matrix, place: Placement) -> None:
        self._matrix = matrix
        self._place = place
        self._parts = parts_of(matrix, place)
        self._bias = Bias(matrix, place)
        assert place.quantization is not None, "quantised"
        holding = holding_of(matrix, place.quantization, matrix.width)
        self._bytes = holding.reported(matrix.width, matrix.inputs, place.dtype.itemsize) + self._bias.bytes

    def slots(self) -> Iterator[Slot]:
        """Of every part, and the biases."""
        return chain(*(part.slots() for part in self._parts), self._bias.slots())

    def product(self, deterministic: bool) -> Matmul:
        """Of the expanded weight."""
        return choose_matmul(self.dense(), self._bias.loaded(), deterministic=deterministic)

    def dense(self) -> Tensor:
        """Multiplied in float32 and rounded once; each part's codes go as it is expanded."""
        weight = self._place.empty(self._matrix.width, self._matrix.inputs)
        parts, self._parts = self._parts, []
        for part, room in zip(parts, torch.split(weight, list(self._matrix.outputs)), strict=True):
            _expand(part, room)
        return weight

    def weight_bytes(self) -> int:
        """Bytes of expanded weight and bias."""
        return self._bytes


def _expand(part: Part, room: Tensor) -> None:
    """Writes codes times scales: codes [outputs, inputs], scales [1], [outputs, 1] or one per block."""
    codes, scale = part.take("weight"), part.take(part.quantization.scale_name)
    if part.quantization.block is None:
        room.copy_(codes.float().mul_(scale))
        return
    height, width = part.quantization.block
    # A row of blocks at a time; blocks at the edges may be smaller.
    for row, scales in enumerate(scale):
        rows = slice(row * height, (row + 1) * height)
        room[rows] = codes[rows].float().mul_(scales.repeat_interleave(width)[: part.inputs])
