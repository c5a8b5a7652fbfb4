"""Normalisation: by the root mean square (Zhang and Sennrich 2019), Gemma's form of it, and LayerNorm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch.nn.functional as F
from torch import Tensor

from sgl.config.layout.weight import Norm
from sgl.config.model import NormKind
from sgl.weights.slot import Placement, Slot, size_of


class RMSNorm:
    """``x / rms(x) * weight`` over the last dimension, computed in float32."""

    def __init__(self, norm: Norm, eps: float, place: Placement) -> None:
        self._name = norm.name
        self._shape = [norm.size]
        self._eps = eps
        self._weight = place.empty(norm.size)

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


class FloatRMSNorm(RMSNorm):
    """OLMo 2's: the scale meets the float32 value, and only the product is rounded."""

    def forward(self, x: Tensor) -> Tensor:
        """[..., size] -> [..., size]."""
        return F.rms_norm(x.float(), self._shape, self._weight.float(), self._eps).to(x.dtype)


class PlusOneRMSNorm(RMSNorm):
    """Gemma's: as OLMo 2's, and the scale is ``1 + weight``."""

    def forward(self, x: Tensor) -> Tensor:
        """[..., size] -> [..., size]."""
        return F.rms_norm(x.float(), self._shape, 1.0 + self._weight.float(), self._eps).to(x.dtype)


class LayerNorm:
    """``(x - mean(x)) / std(x) * weight + bias`` (Ba et al. 2016)."""

    def __init__(self, norm: Norm, eps: float, place: Placement) -> None:
        self._name = norm.name
        self._shape = [norm.size]
        self._eps = eps
        self._weight, self._bias = place.empty(norm.size), place.empty(norm.size)

    def forward(self, x: Tensor) -> Tensor:
        """[..., size] -> [..., size]."""
        return F.layer_norm(x, self._shape, self._weight, self._bias, self._eps)

    def slots(self) -> Iterator[Slot]:
        """Scale and bias."""
        yield Slot(f"{self._name}.weight", self._weight)
        yield Slot(f"{self._name}.bias", self._bias)

    def finish(self, deterministic: bool) -> None:
        """Nothing to prepare."""

    def weight_bytes(self) -> int:
        """Bytes of scale and bias."""
        return size_of(self._weight, self._bias)


AnyNorm = RMSNorm | LayerNorm

_KINDS: Final[dict[NormKind, type[AnyNorm]]] = {
    "rms": RMSNorm,
    "rms_float": FloatRMSNorm,
    "rms_plus_one": PlusOneRMSNorm,
    "layer": LayerNorm,
}


def make_norm(kind: NormKind, norm: Norm, eps: float, place: Placement) -> AnyNorm:
    """A norm of a kind."""
    return _KINDS[kind](norm, eps, place)
