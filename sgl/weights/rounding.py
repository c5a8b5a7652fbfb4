"""Weights of a floating-point type to codes: round to nearest, a block of outputs at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

INT8_MAX: Final = 127
INT4_MAX: Final = 15
FP8_MAX: Final = torch.finfo(torch.float8_e4m3fn).max
CHUNK_ELEMENTS: Final = 1 << 22
"""Weights rounded at a time: their float32 copies stay below 100 MB."""
SMALLEST_SCALE: Final = 1e-30
"""Of weights that are all 0."""


def round_to_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Each output's largest magnitude becomes 127: int8 [outputs, inputs] and float32 scales [outputs]."""
    codes = torch.empty(weight.shape, dtype=torch.int8, device=weight.device)
    scale = torch.empty(len(weight), device=weight.device)
    for rows in chunks(weight):
        wide = weight[rows].float()
        scale[rows] = wide.abs().amax(dim=1).clamp_min_(SMALLEST_SCALE).div_(INT8_MAX)
        codes[rows] = (wide / scale[rows].unsqueeze(1)).round_()
    return codes, scale


def round_to_int4(weight: Tensor, group: int) -> tuple[Tensor, Tensor, Tensor]:
    """Each group's smallest and largest value, and 0, become codes of 0..15.

    Returns:
        uint8 codes [outputs, inputs], float32 scales [outputs, groups], float32 zero points [outputs, groups], whole
        numbers. Scales are bfloat16 values, which is what the kernel takes.
    """
    outputs, inputs = weight.shape
    codes = torch.empty(weight.shape, dtype=torch.uint8, device=weight.device)
    scale, zero = torch.empty(2, outputs, inputs // group, device=weight.device).unbind()
    for rows in chunks(weight):
        wide = weight[rows].float().view(-1, inputs // group, group)
        low, high = wide.aminmax(dim=-1)
        low.clamp_max_(0)
        steps = high.clamp_min_(0).sub_(low).clamp_min_(SMALLEST_SCALE).div_(INT4_MAX)
        scale[rows] = steps.to(torch.bfloat16)
        zero[rows] = low.neg_().div_(scale[rows]).round_().clamp_(0, INT4_MAX)
        shifted = (wide / scale[rows].unsqueeze(-1)).add_(zero[rows].unsqueeze(-1))
        codes[rows] = shifted.round_().clamp_(0, INT4_MAX).flatten(1)
    return codes, scale, zero


def round_to_fp8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Each output's largest magnitude becomes 448: E4M3 codes [outputs, inputs] and float32 scales [outputs]."""
    codes = torch.empty(weight.shape, dtype=torch.float8_e4m3fn, device=weight.device)
    scale = torch.empty(len(weight), device=weight.device)
    for rows in chunks(weight):
        wide = weight[rows].float()
        scale[rows] = wide.abs().amax(dim=1).clamp_min_(SMALLEST_SCALE).div_(FP8_MAX)
        codes[rows] = (wide / scale[rows].unsqueeze(1)).to(torch.float8_e4m3fn)
    return codes, scale


def expand_fp8(codes: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """The numbers that codes stand for, a block of outputs at a time."""
    expanded = torch.empty(codes.shape, dtype=dtype, device=codes.device)
    for rows in chunks(codes):
        expanded[rows] = codes[rows].float().mul_(scale[rows].unsqueeze(1))
    return expanded


def chunks(weight: Tensor) -> Iterator[slice]:
    """Rows of a matrix, block by block."""
    rows, columns = weight.shape
    step = max(1, CHUNK_ELEMENTS // columns)
    for start in range(0, rows, step):
        yield slice(start, start + step)
