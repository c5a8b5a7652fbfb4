"""Twin of `sgl.kernels.triton.decode_attention`."""

from __future__ import annotations

import torch
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.kernels.twins.extend_attention import extend_attention


def decode_attention(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    page_table: Tensor,
    seq_lens: Tensor,
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
    """See `sgl.kernels.triton.decode_attention.decode_attention`; gives the result and the log-sum-exps."""
    return extend_attention(
        query,
        keys,
        values,
        page_table,
        seq_lens,
        torch.arange(len(query) + 1, device=query.device),
        page_size=page_size,
        scale=scale,
        window=window,
        softcap=softcap,
        sinks=sinks,
        key_multipliers=key_multipliers,
        value_multipliers=value_multipliers,
        storage=storage,
    )
