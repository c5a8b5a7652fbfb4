"""How ``x @ weight.T + bias`` is computed on a CPU, decided once per weight when loading ends.

`plain` is torch's own linear and the twin of the others. Measured on 2 cores without bf16 instructions
(weight 6144 x 1024, microseconds per call at 1 / 16 / 256 rows):

    bfloat16 linear          997 / 5115 / 60180
    bfloat16 prepacked       834 / 4669 /     -
    float32 linear          1083 / 2639 / 15069
    float32 prepacked        990 / 1579 / 11870   (oneDNN's blocked layout, chosen once)

So float32 weights are prepacked, and bfloat16 weights are prepacked for few rows and upcast to float32
per call for many, where oneDNN's bfloat16 GEMM without AMX is slower than the float32 one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

Matmul = Callable[[Tensor], Tensor]
"""[..., in_features] -> [..., out_features]"""

PACK_FROM_ELEMENTS: Final = 1 << 18
"""Smaller weights stay plain: a packed call costs some 15 us more."""
UPCAST_FROM_ROWS: Final = 64
"""bfloat16 weights are multiplied in float32 from this many rows on."""
PACKED_FOR_ROWS: Final = 16
"""Row count oneDNN chooses its blocking for; the layouts for 1 and 16 rows are the same here."""
TILE_ROWS: Final = 16
"""Rows of every call in deterministic mode."""

_PACKS: Final = bool(torch._C._has_mkldnn)


def choose_matmul(weight: Tensor, bias: Tensor | None, *, deterministic: bool = False) -> Matmul:
    """Prepares one weight.

    Args:
        weight: [out_features, in_features].
        bias: [out_features] or None, of the same dtype.
        deterministic: Each row's bits must not depend on the number of rows.
    """
    if deterministic:
        packable = _PACKS and weight.dtype != torch.float16
        return tiled(packed(weight, bias) if packable else plain(weight, bias))
    if not _PACKS or weight.numel() < PACK_FROM_ELEMENTS:
        return plain(weight, bias)
    if weight.dtype == torch.float32:
        return packed(weight, bias)
    if weight.dtype == torch.bfloat16:
        return packed(weight, bias) if torch.cpu._is_amx_tile_supported() else packed_or_upcast(weight, bias)
    return plain(weight, bias)


def plain(weight: Tensor, bias: Tensor | None) -> Matmul:
    """torch's linear."""

    def apply(x: Tensor) -> Tensor:
        return F.linear(x, weight, bias)

    return apply


def packed(weight: Tensor, bias: Tensor | None) -> Matmul:
    """oneDNN's linear over a weight in its own blocked layout; the plain weight is not kept."""
    blocked = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), PACKED_FOR_ROWS)
    linear = torch.ops.mkldnn._linear_pointwise

    def apply(x: Tensor) -> Tensor:
        result: Tensor = linear(x, blocked, bias, "none", [], "")
        return result

    return apply


def packed_or_upcast(weight: Tensor, bias: Tensor | None) -> Matmul:
    """Prepacked bfloat16 for few rows; float32 GEMM over an upcast weight for many."""
    few = packed(weight, bias)
    wide_bias = None if bias is None else bias.float()

    def apply(x: Tensor) -> Tensor:
        if x.numel() < UPCAST_FROM_ROWS * x.shape[-1]:
            return few(x)
        return F.linear(x.float(), weight.float(), wide_bias).to(x.dtype)

    return apply


def tiled(matmul: Matmul) -> Matmul:
    """Calls ``matmul`` on exactly `TILE_ROWS` rows at a time, the last tile padded with zeros.

    Libraries choose blocking and order of summation by shape, so a row's bits may depend on how many rows
    come with it. In calls of one shape they do not.
    """

    def apply(x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        count = rows.shape[0]
        padded = F.pad(rows, (0, 0, 0, -count % TILE_ROWS))
        out = torch.cat([matmul(tile) for tile in torch.split(padded, TILE_ROWS)])
        return out[:count].view(*x.shape[:-1], out.shape[-1])

    return apply
