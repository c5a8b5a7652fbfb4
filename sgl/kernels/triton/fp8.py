"""FP8 codes by FP8 codes (W8A8): scales by row and output, or in blocks of 128 as DeepSeek and Qwen ship them.

By row and output the library's kernel is taken where a GPU has it (`torch._scaled_mm`, compute capability 89 on); ours
is for deterministic mode and for what the library does not take. Roofline on an H200: some 1500 TFLOP/s, from 350 rows
on; below, N * K bytes at 4.3 TB/s. Not run on a GPU yet.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from sgl.kernels.triton.tile import FP8, SCALE_COLUMNS, launch_tiles, tile_variant, wide_tile
from sgl.kernels.triton.variant import FIRST_FP8

LIBRARY_MULTIPLE: Final = 16
"""Columns and outputs that `torch._scaled_mm` takes are multiples of this."""


def fp8_matmul(
    x_codes: Tensor,
    x_scale: Tensor,
    codes: Tensor,
    scale: Tensor,
    bias: Tensor | None,
    dtype: torch.dtype,
    *,
    fixed: bool = False,
) -> Tensor:
    """``(x_codes * x_scale) @ (codes * scale).T + bias``.

    Args:
        x_codes: float8_e4m3fn [rows, in_features], rows contiguous.
        x_scale: float32 [rows].
        codes: float8_e4m3fn [out_features, in_features].
        scale: float32 [out_features].
        bias: [out_features] or None.
        dtype: Of the result.
        fixed: One tile for all counts of rows: a row's bits depend on nothing but the row.
    """
    if not fixed and _library_takes(codes, dtype):
        product: Tensor = torch._scaled_mm(
            x_codes, codes.T, scale_a=x_scale[:, None], scale_b=scale[None, :], out_dtype=dtype, use_fast_accum=False
        )
        return product if bias is None else product.add_(bias)
    tile = wide_tile(1 if fixed else len(x_codes), SCALE_COLUMNS)
    bits, weight = x_codes.view(torch.int8), codes.view(torch.int8)
    return launch_tiles(bits, weight, FP8, tile, dtype, x_scale=x_scale, scale=scale, bias=bias)


def block_fp8_matmul(
    x_codes: Tensor,
    x_scale: Tensor,
    codes: Tensor,
    scale: Tensor,
    bias: Tensor | None,
    dtype: torch.dtype,
    *,
    fixed: bool = False,
) -> Tensor:
    """As `fp8_matmul`, with scales of 128 columns of x, and of 128 outputs and 128 columns of the weight.

    Args:
        x_codes: float8_e4m3fn [rows, in_features], rows contiguous.
        x_scale: float32 [rows, ceil(in_features / 128)].
        codes: float8_e4m3fn [out_features, in_features].
        scale: float32 [ceil(out_features / 128), ceil(in_features / 128)].
        bias: [out_features] or None.
        dtype: Of the result.
        fixed: See `fp8_matmul`.
    """
    tile = wide_tile(1 if fixed else len(x_codes), SCALE_COLUMNS, blocks=True)
    bits, weight = x_codes.view(torch.int8), codes.view(torch.int8)
    return launch_tiles(bits, weight, FP8, tile, dtype, x_scale=x_scale, scale=scale, bias=bias)


def multiplies_fp8(device: torch.device) -> bool:
    """Whether a device has products of FP8, or is a CPU, where the interpreter does without."""
    if device.type != "cuda":
        return True
    major, minor = torch.cuda.get_device_capability(device)
    return 10 * major + minor >= FIRST_FP8


def _library_takes(codes: Tensor, dtype: torch.dtype) -> bool:
    """Row-wise scales make bfloat16 only (torch 2.11 to 2.13)."""
    outputs, columns = codes.shape
    fits = outputs % LIBRARY_MULTIPLE == 0 and columns % LIBRARY_MULTIPLE == 0
    return codes.is_cuda and dtype == torch.bfloat16 and fits and multiplies_fp8(codes.device)


VARIANTS: Final = (
    tile_variant("fp8 rows", FP8, wide_tile(1, SCALE_COLUMNS)),
    tile_variant("fp8 rows", FP8, wide_tile(8192, SCALE_COLUMNS)),
    tile_variant("fp8 blocks", FP8, wide_tile(1, SCALE_COLUMNS, blocks=True), blocks=True),
    tile_variant("fp8 blocks", FP8, wide_tile(8192, SCALE_COLUMNS, blocks=True), blocks=True),
    tile_variant("fp8 blocks tail", FP8, wide_tile(8192, SCALE_COLUMNS, blocks=True), blocks=True, whole=False),
)
