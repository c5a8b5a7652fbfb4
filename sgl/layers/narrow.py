"""`NarrowLinear`: a product with few outputs, such as a router or a gate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from sgl.config.layout.weight import Matrix, Vector
from sgl.kernels.matmul import Matmul, plain, tiled
from sgl.layers.vector import Values
from sgl.weights.slot import Placement, Slot
from sgl.weights.store import store


class NarrowLinear:
    """``x -> x @ W.T + b``, held and multiplied plainly: packing would pad it to many times its size.

    Args:
        matrix: Where it is ``wide``, inputs are widened and results are float32.
    """

    def __init__(self, matrix: Matrix, place: Placement) -> None:
        assert matrix.apart, "the memory plan packs the others"
        if matrix.wide:
            place = replace(place, dtype=torch.float32)
        self._dtype = place.dtype
        self._stored = store(replace(matrix, bias=False), place)
        bias = Vector(f"{matrix.names[0]}.bias", matrix.width, matrix.wide)
        self._bias = Values(bias, place) if matrix.bias else None
        self._matmul: Matmul | None = None

    def forward(self, x: Tensor) -> Tensor:
        """[..., inputs] -> [..., width]."""
        assert self._matmul is not None, "finish comes before forward"
        return self._matmul(x.to(self._dtype))

    def slots(self) -> Iterator[Slot]:
        """What the checkpoint must hold."""
        yield from self._stored.slots()
        if self._bias is not None:
            yield from self._bias.slots()

    def finish(self, deterministic: bool) -> None:
        """Makes the product of what was loaded, with a fixed order of summation if asked to."""
        product = plain(self._stored.dense(), None if self._bias is None else self._bias.values)
        self._matmul = tiled(product) if deterministic else product

    def weight_bytes(self) -> int:
        """Bytes of weight and bias."""
        return self._stored.weight_bytes() + (0 if self._bias is None else self._bias.weight_bytes())
