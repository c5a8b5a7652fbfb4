"""`Linear`: one matrix multiplication, possibly of several checkpoint matrices stacked (qkv, gate_up)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from sgl.kernels.matmul import Matmul, choose_matmul, plain
from sgl.layers.base import Placement, Slot, size_of


class Linear:
    """``x -> x @ W.T + b`` with W [sum(sizes), in_features].

    Args:
        names: Checkpoint prefixes of the stacked matrices, e.g. ``...self_attn.q_proj``.
        sizes: Output features of each, in the order they are stacked.
    """

    def __init__(
        self, names: Sequence[str], in_features: int, sizes: Sequence[int], *, bias: bool, place: Placement
    ) -> None:
        self._names = tuple(names)
        self._sizes = tuple(sizes)
        out_features = sum(sizes)
        self._weight: Tensor | None = place.empty(out_features, in_features)
        self._bias: Tensor | None = place.empty(out_features) if bias else None
        self._bytes = size_of(self._weight, self._bias)
        self._matmul: Matmul = plain(self._weight, self._bias)

    def forward(self, x: Tensor) -> Tensor:
        """[..., in_features] -> [..., sum(sizes)]."""
        return self._matmul(x)

    def slots(self) -> Iterator[Slot]:
        """One slice of the stacked weight (and bias) per checkpoint matrix."""
        assert self._weight is not None, "slots are filled before finish"
        start = 0
        for name, size in zip(self._names, self._sizes, strict=True):
            yield Slot(f"{name}.weight", self._weight[start : start + size])
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
