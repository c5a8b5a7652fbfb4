"""`Linear`: one matrix multiplication, possibly of several checkpoint matrices stacked (qkv, gate_up)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from sgl.config.layout.weight import Matrix
from sgl.kernels.matmul import Matmul, choose_matmul, plain
from sgl.layers.base import Placement, Slot, size_of


class Linear:
    """``x -> x @ W.T + b``.

    Args:
        matrix: What the checkpoint has of it.
    """

    def __init__(self, matrix: Matrix, place: Placement) -> None:
        self._matrix = matrix
        self._weight: Tensor | None = place.empty(matrix.width, matrix.inputs)
        self._bias: Tensor | None = place.empty(matrix.width) if matrix.bias else None
        self._bytes = size_of(self._weight, self._bias)
        self._matmul: Matmul = plain(self._weight, self._bias)

    def forward(self, x: Tensor) -> Tensor:
        """[..., inputs] -> [..., width]."""
        return self._matmul(x)

    def slots(self) -> Iterator[Slot]:
        """One slice of the stacked weight (and bias) per checkpoint matrix."""
        assert self._weight is not None, "slots are filled before finish"
        start = 0
        for name, size in zip(self._matrix.names, self._matrix.outputs, strict=True):
            part = self._weight[start : start + size]
            yield Slot(f"{name}.weight", part.T if self._matrix.transposed else part)
            if self._bias is not None:
                yield Slot(f"{name}.bias", self._bias[start : start + size])
            start += size

    def finish(self, deterministic: bool) -> None:
        """Prepacks the weight; the plain copy goes when the chosen way does not keep it."""
        assert self._weight is not None, "finish is called once"
        self._matmul = choose_matmul(self._weight, self._bias, deterministic=deterministic)
        self._weight = None

    def weight_bytes(self) -> int:
        """Bytes of weight and bias."""
        return self._bytes
