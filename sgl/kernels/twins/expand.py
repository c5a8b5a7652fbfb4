"""Codes times their scales; see `sgl.kernels.triton.expand`."""

from __future__ import annotations

import torch
from torch import Tensor


def over_blocks(values: Tensor, shape: tuple[int, ...], height: int, width: int) -> Tensor:
    """One value per block -> one per element of [out_features, in_features]; blocks at the edges may be smaller."""
    tall = values.repeat_interleave(height, dim=0)[: shape[0]]
    return tall.repeat_interleave(width, dim=1)[:, : shape[1]]


def expand(
    numbers: Tensor,
    scale: Tensor,
    dtype: torch.dtype,
    *,
    zero: Tensor | None = None,
    group: int | None = None,
    height: int = 1,
) -> Tensor:
    """``(numbers - zero) * scale`` in ``dtype``, of numbers that codes mean.

    Args:
        numbers: [out_features, in_features] of float8_e4m3fn or int8.
        scale: float32 [out_features], or with ``group`` one per ``height`` outputs and ``group`` columns.
        dtype: Of the result.
        zero: Like ``scale``, with ``group`` only.
        group: Columns that share a scale.
        height: Outputs that share a scale.
    """
    if group is None:
        return (numbers.float() * scale[:, None]).to(dtype)
    wide = numbers.float()
    if zero is not None:
        wide = wide - over_blocks(zero, numbers.shape, height, group)
    return (wide * over_blocks(scale, numbers.shape, height, group)).to(dtype)
