"""Twin of `sgl.kernels.triton.quantize`."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

FP8_LARGEST: Final = 448.0
INT8_LARGEST: Final = 127.0
LEAST: Final = 1e-30
"""As in `sgl.kernels.triton.codes`."""


def per_token_fp8(x: Tensor) -> tuple[Tensor, Tensor]:
    """See `sgl.kernels.triton.quantize.per_token_fp8`; any shape, with a scale for the last dimension."""
    units, scale = _scaled(x, FP8_LARGEST)
    return units.clamp(-FP8_LARGEST, FP8_LARGEST).to(torch.float8_e4m3fn), scale


def per_token_int8(x: Tensor) -> tuple[Tensor, Tensor]:
    """See `sgl.kernels.triton.quantize.per_token_int8`."""
    units, scale = _scaled(x, INT8_LARGEST)
    return units.round().to(torch.int8), scale


def per_group_fp8(x: Tensor, group: int = 128) -> tuple[Tensor, Tensor]:
    """See `sgl.kernels.triton.quantize.per_group_fp8`."""
    tokens, width = x.shape
    codes, scale = per_token_fp8(F.pad(x, (0, -width % group)).view(tokens, -1, group))
    return codes.view(tokens, -1)[:, :width].contiguous(), scale


def _scaled(x: Tensor, most: float) -> tuple[Tensor, Tensor]:
    """Numbers of up to ``most`` in magnitude, and what they are multiplied by to have ``x`` again."""
    wide = x.float()
    largest = wide.abs().amax(dim=-1).clamp_min(LEAST)
    return wide * (most / largest).unsqueeze(-1), largest / most
