"""int8 codes by int8 codes (W8A8), summed in whole numbers: exact, so no order or tile changes a bit.

Roofline on an H200: 8-bit whole numbers multiply as fast as FP8; below some 350 rows, N * K bytes at 4.3 TB/s. Not run
on a GPU yet.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from sgl.kernels.triton.tile import INT8, launch_tiles, tile_variant, wide_tile

COLUMNS: Final = 128
"""Of a step."""


def int8_matmul(
    x_codes: Tensor, x_scale: Tensor, codes: Tensor, scale: Tensor, bias: Tensor | None, dtype: torch.dtype
) -> Tensor:
    """``(x_codes * x_scale) @ (codes * scale).T + bias``.

    Args:
        x_codes: int8 [rows, in_features], rows contiguous.
        x_scale: float32 [rows].
        codes: int8 [out_features, in_features].
        scale: float32 [out_features].
        bias: [out_features] or None.
        dtype: Of the result.
    """
    tile = wide_tile(len(x_codes), COLUMNS)
    return launch_tiles(x_codes, codes, INT8, tile, dtype, x_scale=x_scale, scale=scale, bias=bias)


VARIANTS: Final = (
    tile_variant("int8 rows", INT8, wide_tile(1, COLUMNS)),
    tile_variant("int8 rows", INT8, wide_tile(8192, COLUMNS)),
)
