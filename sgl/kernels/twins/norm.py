"""Twin of `sgl.kernels.triton.norm`."""

from __future__ import annotations

import torch
from torch import Tensor

from sgl.config.model import NormKind
from sgl.kernels.twins.quantize import per_token_fp8


def rms_norm(x: Tensor, weight: Tensor, eps: float, kind: NormKind = "rms") -> Tensor:
    """See `sgl.kernels.triton.norm.rms_norm`; any shape, normed along the last dimension."""
    wide, factor = x.float(), weight.float()
    normed = wide * torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + eps)
    match kind:
        case "rms":
            return (normed.to(x.dtype).float() * factor).to(x.dtype)
        case "rms_float":
            return (normed * factor).to(x.dtype)
        case "rms_plus_one":
            return (normed * (1.0 + factor)).to(x.dtype)
        case "layer":
            raise ValueError("no RMSNorm: layer")


def add_rms_norm(hidden: Tensor, added: Tensor, weight: Tensor, eps: float, kind: NormKind = "rms") -> Tensor:
    """See `sgl.kernels.triton.norm.add_rms_norm`."""
    hidden.copy_(hidden.float() + added.float())
    return rms_norm(hidden, weight, eps, kind)


def rms_norm_fp8(x: Tensor, weight: Tensor, eps: float, kind: NormKind = "rms") -> tuple[Tensor, Tensor]:
    """See `sgl.kernels.triton.norm.rms_norm_fp8`."""
    return per_token_fp8(rms_norm(x, weight, eps, kind))


def add_rms_norm_fp8(
    hidden: Tensor, added: Tensor, weight: Tensor, eps: float, kind: NormKind = "rms"
) -> tuple[Tensor, Tensor]:
    """See `sgl.kernels.triton.norm.add_rms_norm_fp8`."""
    return per_token_fp8(add_rms_norm(hidden, added, weight, eps, kind))
