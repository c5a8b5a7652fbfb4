"""How ``x @ weight.T + bias`` is computed on a CPU, decided once per weight when loading ends.

`plain` is torch's own linear and the twin of the others. Measured on 2 cores without bf16 instructions
(weight 6144 x 1024, microseconds per call at 1 / 16 / 256 rows):

    bfloat16 linear          997 / 5115 / 60180
    bfloat16 prepacked       834 / 4669 /     -
    float32 linear          1083 / 2639 / 15069
    float32 prepacked        990 / 1579 / 11870   (oneDNN's blocked layout, chosen once)

So float32 weights are prepacked, and bfloat16 weights are prepacked for few rows and upcast to float32
per call for many, where oneDNN's bfloat16 GEMM without AMX is slower than the float32 one. Only the packed
weight is kept: a plain one beside it would take as much memory as float32, and unpacking it costs some 1.1 ms
of 25 ms at 256 rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from sgl.config.packing import UPCAST_FROM_ROWS, is_packed

Matmul = Callable[[Tensor], Tensor]
"""[..., in_features] -> [..., out_features]"""

PACKED_FOR_ROWS: Final = 16
"""Row count oneDNN chooses its blocking for; the layouts for 1 and 16 rows are the same here."""
TILE_ROWS: Final = 16
"""Rows of every call in deterministic mode."""

_PACKABLE: Final = frozenset(
    dtype
    for dtype, packable in (
        (torch.float32, torch._C._has_mkldnn),
        (torch.bfloat16, torch._C._has_mkldnn and torch.ops.mkldnn._is_mkldnn_bf16_supported()),
    )
    if packable
)
"""Types that this build of torch packs on this CPU."""


def choose_matmul(weight: Tensor, bias: Tensor | None, *, deterministic: bool = False) -> Matmul:
    """Prepares one weight.

    Args:
        weight: [out_features, in_features].
        bias: [out_features] or None, of the same dtype.
        deterministic: Each row's bits must not depend on the number of rows.
    """
    packs = weight.dtype in _PACKABLE and is_packed(weight.numel(), deterministic=deterministic)
    if deterministic:
        return tiled(packed(weight, bias) if packs else plain(weight, bias))
    if not packs:
        return plain(weight, bias)
    if weight.dtype == torch.bfloat16 and not torch.cpu._is_amx_tile_supported():
        return packed_or_upcast(weight, bias)
    return packed(weight, bias)


def plain(weight: Tensor, bias: Tensor | None) -> Matmul:
    """torch's linear."""

    def apply(x: Tensor) -> Tensor:
        return F.linear(x, weight, bias)

    return apply


def packed(weight: Tensor, bias: Tensor | None) -> Matmul:
    """oneDNN's linear over a weight in its own blocked layout; the plain weight is not kept."""
    return _linear(_pack(weight), bias)


def packed_or_upcast(weight: Tensor, bias: Tensor | None) -> Matmul:
    """Prepacked bfloat16 for few rows; float32 GEMM over the weight unpacked and upcast for many."""
    blocked = _pack(weight)
    few = _linear(blocked, bias)

    def apply(x: Tensor) -> Tensor:
        if x.numel() < UPCAST_FROM_ROWS * x.shape[-1]:
            return few(x)
        wide_bias = None if bias is None else bias.float()
        return F.linear(x.float(), blocked.to_dense().float(), wide_bias).to(x.dtype)

    return apply


def _pack(weight: Tensor) -> Tensor:
    blocked: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), PACKED_FOR_ROWS)
    return blocked


def _linear(blocked: Tensor, bias: Tensor | None) -> Matmul:
    linear = torch.ops.mkldnn._linear_pointwise

    def apply(x: Tensor) -> Tensor:
        result: Tensor = linear(x, blocked, bias, "none", [], "")
        return result

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
