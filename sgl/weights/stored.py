"""`Stored`: the weights of one product, from the slots that a checkpoint fills to the function that multiplies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor

from sgl.kernels.matmul import Matmul
from sgl.weights.slot import Slot


class Stored(Protocol):
    """Weights of one `sgl.config.layout.weight.Matrix`.

    Either `product` or `dense` is called, once, when all slots are full; both let go of what is not needed any more.
    """

    def slots(self) -> Iterator[Slot]:
        """Every checkpoint tensor that it needs, with full names."""
        ...

    def product(self, deterministic: bool) -> Matmul:
        """``x -> x @ W.T + b``: [..., inputs] -> [..., width]."""
        ...

    def dense(self) -> Tensor:
        """W [width, inputs] in the type of activations; for layers that do something else with it. Has no bias."""
        ...

    def weight_bytes(self) -> int:
        """Bytes that the product holds, packing aside; known from the start."""
        ...
