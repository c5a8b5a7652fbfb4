"""Products of FP8 codes by FP8 codes; see `sgl.kernels.triton.fp8`."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from sgl.kernels.twins.expand import over_blocks
from sgl.kernels.twins.skinny import skinny

BLOCK: Final = 128


def fp8_matmul(
    x_codes: Tensor, x_scale: Tensor, codes: Tensor, scale: Tensor, bias: Tensor | None, dtype: torch.dtype
) -> Tensor:
    """Scales [rows] and [out]."""
    return skinny(x_codes.float() * x_scale[:, None], codes.float() * scale[:, None], bias).to(dtype)


def block_fp8_matmul(
    x_codes: Tensor, x_scale: Tensor, codes: Tensor, scale: Tensor, bias: Tensor | None, dtype: torch.dtype
) -> Tensor:
    """Scales of 128 columns of x, and of 128 outputs and 128 columns of the weight."""
    x = x_codes.float() * over_blocks(x_scale, x_codes.shape, 1, BLOCK)
    return skinny(x, codes.float() * over_blocks(scale, codes.shape, BLOCK, BLOCK), bias).to(dtype)
