"""`Linear`: one matrix multiplication, possibly of several checkpoint matrices stacked (qkv, gate_up)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from sgl.config.layout.weight import Matrix
from sgl.kernels.epilogue import EpilogueMatmul
from sgl.kernels.matmul import Matmul
from sgl.layers.activation import Nonlinear
from sgl.weights.slot import Placement, Slot
from sgl.weights.store import store


class Linear:
    """``x -> x @ W.T + b``.

    Args:
        matrix: What the checkpoint has of it.
    """

    def __init__(self, matrix: Matrix, place: Placement) -> None:
        self._stored = store(matrix, place)
        self._matmul: Matmul | None = None

    def forward(self, x: Tensor) -> Tensor:
        """[..., inputs] -> [..., width]."""
        assert self._matmul is not None, "finish comes before forward"
        return self._matmul(x)

    def activated(self, x: Tensor, then: Nonlinear) -> Tensor:
        """[..., inputs] -> [..., inner]: what ``then`` makes of the product, in one kernel where the device has it."""
        if isinstance(self._matmul, EpilogueMatmul):
            return self._matmul(x, then.epilogue)
        return then.forward(self.forward(x))

    def slots(self) -> Iterator[Slot]:
        """What the checkpoint must hold."""
        return self._stored.slots()

    def finish(self, deterministic: bool) -> None:
        """Makes the product of what was loaded."""
        self._matmul = self._stored.product(deterministic)

    def weight_bytes(self) -> int:
        """Bytes of weight and bias."""
        return self._stored.weight_bytes()
