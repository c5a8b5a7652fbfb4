"""How ``x @ weight.T + bias`` is computed on a CPU, decided once per weight when loading ends.

`plain` is torch's own linear and the twin of the others. Measured on 2 cores without bf16 instructions
(weight 6144 x 1024, microseconds per call at 1 / 16 / 256 rows):

    bfloat16 linear          997 / 5115 / 60180
    bfloat16 prepacked       834 / 4669 /     -
    float32 linear          1083 / 2639 / 15069
    float32 prepacked        990 / 1579 / 11870   (oneDNN's blocked layout, chosen once)

So float32 weights are prepacked, and bfloat16 weights are prepacked for few rows and upcast to float32
per call for many, where oneDNN's bfloat16 GEMM without AMX is slower than the float32 one. Prepacked
float32 also gives each row the same bits whatever the number of rows, which `--deterministic` builds on.
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


def choose_matmul(weight: Tensor, bias: Tensor | None, *, deterministic: bool = False) -> Matmul:
    """Prepares one weight.

    Args:
        weight: [out_features, in_features].
        bias: [out_features] or None, of the same dtype.
        deterministic: Only ways whose result per row does not depend on the number of rows.
    """
    if weight.device.type != "cpu" or not torch._C._has_mkldnn:
        return _by_row(weight, bias) if deterministic else plain(weight, bias)
    if weight.dtype == torch.float32 and (deterministic or weight.numel() >= PACK_FROM_ELEMENTS):
        return packed(weight, bias)
    if weight.dtype == torch.bfloat16 and not deterministic and weight.numel() >= PACK_FROM_ELEMENTS:
        return packed_or_upcast(weight, bias)
    return _by_row(weight, bias) if deterministic else plain(weight, bias)


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


def _by_row(weight: Tensor, bias: Tensor | None) -> Matmul:
    """One matrix-vector product per row: slow, and the same bits for any number of rows."""

    def apply(x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        out = torch.cat([F.linear(row.unsqueeze(0), weight, bias) for row in rows])
        return out.view(*x.shape[:-1], weight.shape[0])

    return apply
