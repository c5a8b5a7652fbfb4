"""`Int8Stored`: int8 weights with a scale per output or per tensor."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

import torch
from torch import Tensor

from sgl.config.held import holding_of
from sgl.config.layout.weight import Matrix
from sgl.kernels.matmul import Matmul
from sgl.weights.bias import Bias
from sgl.weights.part import parts_of
from sgl.weights.slot import Placement, Slot

MIDDLE: Final = 128
"""Added to int8 it gives codes of 0..255."""


class Int8Stored:
    """See `sgl.weights.stored.Stored`."""

    def __init__(self, matrix: Matrix, place: Placement) -> None:
        assert place.quantization is not None, "quantised"
        self._scheme = place.quantization
        self._dtype = place.dtype
        self._products = place.products
        self._parts = parts_of(matrix, place)
        self._bias = Bias(matrix, place)
        holding = holding_of(matrix, self._scheme, matrix.width, place.holds_as)
        self._bytes = holding.reported(matrix.width, matrix.inputs, place.dtype.itemsize) + self._bias.bytes

    def slots(self) -> Iterator[Slot]:
        """Of every part, and the biases."""
        return chain(*(part.slots() for part in self._parts), self._bias.slots())

    def product(self, deterministic: bool) -> Matmul:
        """With activations made int8 row by row where the checkpoint was made for that, else as they are."""
        weight, scale = self._weight()
        bias = self._bias.loaded()
        if self._scheme.activations is not None:
            return self._products.int8(weight, scale, bias, self._dtype, deterministic=deterministic)
        codes = weight.view(torch.uint8).bitwise_xor_(MIDDLE)
        columns = scale.unsqueeze(1)
        zero = torch.full_like(columns, MIDDLE)
        return self._products.int8_group(codes, columns, zero, bias, self._dtype, deterministic=deterministic)

    def dense(self) -> Tensor:
        """Multiplied in float32 and rounded once."""
        weight, scale = self._weight()
        return weight.float().mul_(scale.unsqueeze(1)).to(self._dtype)

    def weight_bytes(self) -> int:
        """Bytes of codes, scales and bias."""
        return self._bytes

    def _weight(self) -> tuple[Tensor, Tensor]:
        """int8 [width, inputs] and float32 [width]."""
        parts, self._parts = self._parts, []
        scales = [part.take(self._scheme.scale_name).flatten().expand(part.outputs) for part in parts]
        return torch.cat([part.take("weight") for part in parts]), torch.cat(scales)
