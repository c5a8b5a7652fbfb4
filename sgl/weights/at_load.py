"""`MadeStored`: weights of a floating-point type that become codes when they are loaded (``--quantization``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor

from sgl.config.at_load import group_of
from sgl.config.held import holding_of
from sgl.config.layout.weight import Matrix
from sgl.kernels.int4 import dequantize
from sgl.kernels.matmul import Matmul
from sgl.weights.plain import PlainStored
from sgl.weights.rounding import chunks, expand_fp8, round_to_fp8, round_to_int4, round_to_int8
from sgl.weights.slot import Placement, Slot, size_of


class MadeStored:
    """See `sgl.weights.stored.Stored`.

    Args:
        plain: What holds the checkpoint's own weights; made here where it is None.
    """

    def __init__(self, matrix: Matrix, place: Placement, plain: PlainStored | None = None) -> None:
        assert place.quantization is not None, "quantised"
        self._scheme = place.quantization
        self._matrix = matrix
        self._place = place
        self._plain = PlainStored(matrix, place) if plain is None else plain
        holding = holding_of(matrix, self._scheme, matrix.width, place.holds_as)
        self._bytes = holding.reported(matrix.width, matrix.inputs, place.dtype.itemsize) + size_of(self._plain.bias)

    def slots(self) -> Iterator[Slot]:
        """Those of the checkpoint's own weights."""
        return self._plain.slots()

    def product(self, deterministic: bool) -> Matmul:
        """Of the codes; the weights go."""
        make = {"int8": self._int8, "int4": self._int4, "fp8": self._fp8}[self._scheme.method]
        return make(self._plain.dense(), deterministic)

    def dense(self) -> Tensor:
        """As in the checkpoint: layers that take a matrix apart keep its weights as they are."""
        return self._plain.dense()

    def weight_bytes(self) -> int:
        """Bytes of codes, scales, offsets and bias."""
        return self._bytes

    def _int8(self, weight: Tensor, deterministic: bool) -> Matmul:
        codes, scale = round_to_int8(weight)
        self._tell(weight, lambda rows: codes[rows].float().mul_(scale[rows].unsqueeze(1)))
        return self._place.products.int8(codes, scale, self._plain.bias, self._place.dtype, deterministic=deterministic)

    def _int4(self, weight: Tensor, deterministic: bool) -> Matmul:
        codes, scale, zero = round_to_int4(weight, group_of(self._matrix.inputs))
        self._tell(weight, lambda rows: dequantize(codes[rows], scale[rows], zero[rows]))
        return self._place.products.int4(
            codes, scale, zero, self._plain.bias, self._place.dtype, deterministic=deterministic
        )

    def _fp8(self, weight: Tensor, deterministic: bool) -> Matmul:
        codes, scale = round_to_fp8(weight)
        self._tell(weight, lambda rows: codes[rows].float().mul_(scale[rows].unsqueeze(1)))
        products, bias, dtype = self._place.products, self._plain.bias, self._place.dtype
        if products.fp8 is None:
            return products.dense(expand_fp8(codes, scale, dtype), bias, deterministic=deterministic)
        return products.fp8(codes, scale, None, bias, dtype, deterministic=deterministic)

    def _tell(self, weight: Tensor, rounded: Callable[[slice], Tensor]) -> None:
        """Measures the rounding for whoever asked: root mean square of the differences by that of the weights."""
        if self._place.hear_error is None:
            return
        off = whole = 0.0
        for rows in chunks(weight):
            wide = weight[rows].float()
            whole += float(wide.square().sum())
            off += float(rounded(rows).sub_(wide).square().sum())
        self._place.hear_error(self._matrix.names[0], (off / whole) ** 0.5 if whole else 0.0)
