"""Products of few rows, of weights as they are and of 8-bit codes; see `sgl.kernels.triton.skinny`."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from sgl.kernels.twins.expand import over_blocks


def skinny(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """[rows, in] and [out, in] -> [rows, out]."""
    return F.linear(x.float(), weight.float(), None if bias is None else bias.float()).to(x.dtype)


def skinny_fp8(x: Tensor, codes: Tensor, scale: Tensor, bias: Tensor | None = None, *, block: int = 128) -> Tensor:
    """E4M3 codes with scales [out] or one per block."""
    wide = scale[:, None] if scale.dim() == 1 else over_blocks(scale, codes.shape, block, block)
    return skinny(x, codes.float() * wide, bias)


def skinny_int8(x: Tensor, codes: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    """int8 codes with scales [out]."""
    return skinny(x, codes.float() * scale[:, None], bias)
