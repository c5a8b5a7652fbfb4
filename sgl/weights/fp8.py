"""`Fp8Stored`: FP8 weights, held as they are where the device multiplies them, else expanded when they are loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import torch
from torch import Tensor

from sgl.config.held import holding_of
from sgl.config.held_gpu import joined_parts
from sgl.config.layout.weight import Matrix
from sgl.kernels.matmul import Matmul
from sgl.weights.beside import beside
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
        self._holding = holding_of(matrix, place.quantization, matrix.width, place.holds_as)
        # Of parts, because those that do not join have blocks of their own at their edges.
        sizes = (self._holding.reported(count, matrix.inputs, place.dtype.itemsize) for count in matrix.outputs)
        self._bytes = sum(sizes) + self._bias.bytes

    def slots(self) -> Iterator[Slot]:
        """Of every part, and the biases."""
        return chain(*(part.slots() for part in self._parts), self._bias.slots())

    def product(self, deterministic: bool) -> Matmul:
        """Of the codes, where parts do not join several side by side; or of the expanded weight."""
        multiply, bias = self._place.products.fp8, self._bias.loaded()
        if multiply is None or self._holding.kind == "expanded":
            return self._place.products.dense(self.dense(), bias, deterministic=deterministic)
        parts, self._parts = self._parts, []
        block = parts[0].quantization.block
        outputs = self._matrix.outputs
        some = [slice(0, len(parts))] if block is None else joined_parts(outputs)
        biases = [None] * len(some) if bias is None else torch.split(bias, [sum(outputs[own]) for own in some])
        return beside([
            multiply(*_joined(parts[own]), block, own_bias, self._place.dtype, deterministic=deterministic)
            for own, own_bias in zip(some, biases, strict=True)
        ])  # fmt: skip

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


def _joined(parts: Sequence[Part]) -> tuple[Tensor, Tensor]:
    """Codes and scales of parts below one another."""
    codes = torch.cat([part.take("weight") for part in parts])
    return codes, torch.cat([_scales(part) for part in parts])


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
