"""`Fp8Stored`: FP8 weights, held as they are where the device multiplies them, else expanded when they are loaded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import torch
from torch import Tensor

from sgl.config.held import holding_of
from sgl.config.layout.weight import Matrix
from sgl.kernels.matmul import Matmul
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
        holding = holding_of(matrix, place.quantization, matrix.width, place.holds_as)
        self._bytes = holding.reported(matrix.width, matrix.inputs, place.dtype.itemsize) + self._bias.bytes

    def slots(self) -> Iterator[Slot]:
        """Of every part, and the biases."""
        return chain(*(part.slots() for part in self._parts), self._bias.slots())

    def product(self, deterministic: bool) -> Matmul:
        """Of the codes, or of the expanded weight."""
        products, bias = self._place.products, self._bias.loaded()
        if products.fp8 is None or not self._joins():
            return products.dense(self.dense(), bias, deterministic=deterministic)
        parts, self._parts = self._parts, []
        block = parts[0].quantization.block
        codes = torch.cat([part.take("weight") for part in parts])
        scales = torch.cat([_scales(part) for part in parts])
        return products.fp8(codes, scales, block, bias, self._place.dtype, deterministic=deterministic)

    def _joins(self) -> bool:
        """Whether the parts' blocks are whole, so that parts below one another have the blocks of one matrix."""
        block = self._parts[0].quantization.block
        return block is None or all(part.outputs % block[0] == 0 for part in self._parts[:-1])

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


def _scales(part: Part) -> Tensor:
    """Of a part, float32: one per output, or one per block."""
    scale = part.take(part.quantization.scale_name)
    if part.quantization.block is not None:
        return scale.float()
    return scale.float().flatten().expand(part.outputs)


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
