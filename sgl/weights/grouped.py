"""`GroupedStored`: 4-bit and 8-bit codes in groups, held as codes and multiplied with activations as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

import torch
from torch import Tensor

from sgl.config.held import holding_of
from sgl.config.layout.weight import Matrix
from sgl.config.quantization import Method
from sgl.config.quantized.tensors import bias_is_optional
from sgl.kernels.matmul import Matmul
from sgl.weights.awq import awq_codes
from sgl.weights.beside import beside
from sgl.weights.bias import Bias
from sgl.weights.codes import Codes, joined, same_order
from sgl.weights.gptq import gptq_codes
from sgl.weights.packed import packed_codes
from sgl.weights.part import Part, parts_of
from sgl.weights.slot import Placement, Slot

READERS: Final[dict[Method, Callable[[Part], Codes]]] = {
    "gptq": gptq_codes,
    "awq": awq_codes,
    "packed": packed_codes,
}


class GroupedStored:
    """See `sgl.weights.stored.Stored`."""

    def __init__(self, matrix: Matrix, place: Placement) -> None:
        assert place.quantization is not None, "quantised"
        self._scheme = place.quantization
        self._dtype = place.dtype
        self._products = place.products
        self._parts = parts_of(matrix, place)
        self._bias = Bias(matrix, place, optional=bias_is_optional(self._scheme))
        self._outputs = matrix.outputs
        holding = holding_of(matrix, self._scheme, matrix.width, place.holds_as)
        self._bytes = holding.reported(matrix.width, matrix.inputs, place.dtype.itemsize) + self._bias.bytes

    def slots(self) -> Iterator[Slot]:
        """Of every part, and the biases."""
        return chain(*(part.slots() for part in self._parts), self._bias.slots())

    def product(self, deterministic: bool) -> Matmul:
        """One product, or where parts have their inputs in different orders one for each."""
        parts = self._codes()
        bias = self._bias.loaded()
        if same_order(parts):
            return self._product(joined(parts), bias, deterministic)
        biases = [None] * len(parts) if bias is None else torch.split(bias, list(self._outputs))
        return beside([self._product(part, own, deterministic) for part, own in zip(parts, biases, strict=True)])

    def dense(self) -> Tensor:
        """Dequantised in float32 and rounded once."""
        return torch.cat([codes.dense().to(self._dtype) for codes in self._codes()])

    def weight_bytes(self) -> int:
        """Bytes of codes, scales, zero points and bias."""
        return self._bytes

    def _codes(self) -> list[Codes]:
        """Of each part; the packed tensors go as they are read."""
        parts, self._parts = self._parts, []
        return [READERS[self._scheme.method](part) for part in parts]

    def _product(self, codes: Codes, bias: Tensor | None, deterministic: bool) -> Matmul:
        make = self._products.int4 if self._scheme.bits == 4 else self._products.int8_group
        return make(
            codes.codes,
            codes.scale,
            codes.zero,
            bias,
            self._dtype,
            order=codes.order,
            deterministic=deterministic,
        )
