"""Normalisation: by the root mean square (Zhang and Sennrich 2019), Gemma's form of it, and LayerNorm."""

from __future__ import annotations

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor

from sgl.config.layout.weight import Norm
from sgl.config.model import NormKind
from sgl.weights.slot import Placement, Slot, size_of


class RMSNorm:
    """``x / rms(x) * weight`` over the last dimension, computed in float32.

    Args:
        kind: ``rms`` rounds before it multiplies by the scale, ``rms_float`` (OLMo 2) after; ``rms_plus_one`` (Gemma)
            is the second one with a scale of ``1 + weight``.
    """

    def __init__(self, norm: Norm, eps: float, place: Placement, kind: NormKind = "rms") -> None:
        self._name = norm.name
        self.eps = eps
        self.kind = kind
        self._fused = place.fused
        self.weight = place.empty(norm.size)

    def forward(self, x: Tensor) -> Tensor:
        """[..., size] -> [..., size]."""
        if self._fused is not None:
            return self._fused.rms_norm(x, self.weight, self.eps, self.kind)
        return rms_norm(x, self.weight, self.eps, self.kind)

    def add(self, hidden: Tensor, added: Tensor) -> Tensor:
        """Adds to ``hidden``, in place, and returns the norm of the sum."""
        if self._fused is not None:
            return self._fused.add_rms_norm(hidden, added, self.weight, self.eps, self.kind)
        return self.forward(hidden.add_(added))

    def slots(self) -> Iterator[Slot]:
        """The scale."""
        yield Slot(f"{self._name}.weight", self.weight)

    def finish(self, deterministic: bool) -> None:
        """Nothing to prepare."""

    def weight_bytes(self) -> int:
        """Bytes of the scale."""
        return size_of(self.weight)


def rms_norm(x: Tensor, weight: Tensor, eps: float, kind: NormKind) -> Tensor:
    """[..., size] -> [..., size], in torch's operations; see `RMSNorm`."""
    shape = weight.shape
    if kind == "rms":
        if x.dtype == weight.dtype and x.dtype.itemsize == 4:
            return F.rms_norm(x, shape, weight, eps)
        return F.rms_norm(x.float(), shape, None, eps).to(x.dtype) * weight
    scale = weight.float() if kind == "rms_float" else 1.0 + weight.float()
    return F.rms_norm(x.float(), shape, scale, eps).to(x.dtype)


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

    def add(self, hidden: Tensor, added: Tensor) -> Tensor:
        """Adds to ``hidden``, in place, and returns the norm of the sum."""
        return self.forward(hidden.add_(added))

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


def make_norm(kind: NormKind, norm: Norm, eps: float, place: Placement) -> AnyNorm:
    """A norm of a kind."""
    return LayerNorm(norm, eps, place) if kind == "layer" else RMSNorm(norm, eps, place, kind)
