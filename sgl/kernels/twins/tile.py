"""The product that is computed in fixed tiles; see `sgl.kernels.triton.tile`."""

from __future__ import annotations

from torch import Tensor

from sgl.kernels.twins.skinny import skinny


def tile_matmul(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """[rows, in] and [out, in] -> [rows, out]."""
    return skinny(x, weight, bias)
