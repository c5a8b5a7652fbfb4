"""Root-mean-square normalisation (Zhang and Sennrich 2019)."""

from __future__ import annotations

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor

from sgl.layers.base import Placement, Slot, size_of


class RMSNorm:
    """``x / rms(x) * weight`` over the last dimension, computed in float32."""

    def __init__(self, name: str, size: int, eps: float, place: Placement) -> None:
        self._name = name
        self._shape = [size]
        self._eps = eps
        self._weight = place.empty(size)

    def forward(self, x: Tensor) -> Tensor:
        """[..., size] -> [..., size]."""
        if x.dtype == self._weight.dtype and x.dtype.itemsize == 4:
            return F.rms_norm(x, self._shape, self._weight, self._eps)
        return F.rms_norm(x.float(), self._shape, None, self._eps).to(x.dtype) * self._weight

    def slots(self) -> Iterator[Slot]:
        """The scale."""
        yield Slot(f"{self._name}.weight", self._weight)

    def finish(self, deterministic: bool) -> None:
        """Nothing to prepare."""

    def weight_bytes(self) -> int:
        """Bytes of the scale."""
        return size_of(self._weight)
