"""Twin of `sgl.kernels.triton.fixed_attention`: what is computed does not depend on how it is cut, only its bits do."""

from __future__ import annotations

import torch
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.kernels.twins.extend_attention import extend_attention


def fixed_attention(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    page_table: Tensor,
    seq_lens: Tensor,
    cu_q: Tensor,
    *,
    page_size: int,
    scale: float,
    window: int | None = None,
    softcap: float | None = None,
    sinks: Tensor | None = None,
    key_multipliers: Tensor | None = None,
    value_multipliers: Tensor | None = None,
    storage: KvStorage | None = None,
) -> tuple[Tensor, Tensor]:
    """See `sgl.kernels.triton.fixed_attention.fixed_attention`; gives the result and the log-sum-exps."""
    return extend_attention(
        query,
        keys,
        values,
        page_table,
        seq_lens,
        cu_q,
        page_size=page_size,
        scale=scale,
        window=window,
        softcap=softcap,
        sinks=sinks,
        key_multipliers=key_multipliers,
        value_multipliers=value_multipliers,
        storage=storage,
    )


def put_together(
    peak: Tensor, total: Tensor, mixed: Tensor, next_peak: Tensor, next_total: Tensor, next_mixed: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """See `sgl.kernels.triton.fixed_splits.put_together`."""
    higher = torch.maximum(peak, next_peak)
    base = torch.where(higher == -torch.inf, 0.0, higher)
    old, new = torch.exp2(peak - base), torch.exp2(next_peak - base)
    return higher, total * old + next_total * new, mixed * old.unsqueeze(1) + next_mixed * new.unsqueeze(1)
