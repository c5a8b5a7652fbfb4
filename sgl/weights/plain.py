"""`PlainStored`: weights in a floating-point type, multiplied as they are."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from sgl.config.layout.weight import Matrix
from sgl.kernels.matmul import Matmul
from sgl.weights.slot import Placement, Slot, size_of


class PlainStored:
    """See `sgl.weights.stored.Stored`.

    Args:
        weight: Room for it, [width, inputs]; made here where it is None.
        bias: Room for it, [width], where there is one; made here where it is None.

    Attributes:
        bias: [width], or None.
    """

    def __init__(
        self, matrix: Matrix, place: Placement, weight: Tensor | None = None, bias: Tensor | None = None
    ) -> None:
        self._matrix = matrix
        self._products = place.products
        weight = place.empty(matrix.width, matrix.inputs) if weight is None else weight
        bias = place.empty(matrix.width) if bias is None and matrix.bias else bias
        self._weight: Tensor | None = weight
        self.bias = bias
        self._bytes = size_of(weight, bias)

    def slots(self) -> Iterator[Slot]:
        """One slice of the stacked weight (and bias) per checkpoint matrix."""
        assert self._weight is not None, "slots are filled before the weight is taken"
        start = 0
        for name, size in zip(self._matrix.names, self._matrix.outputs, strict=True):
            part = self._weight[start : start + size]
            yield Slot(f"{name}.weight", part.T if self._matrix.transposed else part)
            if self.bias is not None:
                yield Slot(f"{name}.bias", self.bias[start : start + size])
            start += size

    def product(self, deterministic: bool) -> Matmul:
        """Prepacked where that is faster; the plain copy goes when the chosen way does not keep it."""
        return self._products.dense(self.dense(), self.bias, deterministic=deterministic)

    def dense(self) -> Tensor:
        """The weight, which is the caller's from now on."""
        assert self._weight is not None, "taken once"
        weight, self._weight = self._weight, None
        return weight

    def weight_bytes(self) -> int:
        """Bytes of weight and bias."""
        return self._bytes
