"""Twin of `sgl.kernels.triton.extend_attention`: one sequence after the other, all scores at once."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.kernels.twins.paged import read_pool


def extend_attention(
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
    """See `sgl.kernels.triton.extend_attention.extend_attention`; gives the result and the log-sum-exps."""
    heads = query.shape[1]
    out = query.new_zeros(len(query), heads, values.shape[2])
    lse = torch.full((len(query), heads), -math.inf, device=query.device)
    bounds = cu_q.tolist()
    for row, length in enumerate(seq_lens.tolist()):
        rows = slice(bounds[row], bounds[row + 1])
        count = rows.stop - rows.start
        if length == 0 or count == 0:
            continue
        own = torch.arange(length - count, length, device=query.device)
        first = 0 if window is None else max(0, length - count - window + 1)
        positions = torch.arange(first, length, device=query.device)
        key = read_pool(keys, key_multipliers, storage, page_table[row], positions, page_size)
        value = read_pool(values, value_multipliers, storage, page_table[row], positions, page_size)
        visible = positions <= own.unsqueeze(1)
        if window is not None:
            visible &= positions > own.unsqueeze(1) - window
        out[rows], lse[rows] = _attend(query[rows].float(), key, value, visible, scale, softcap, sinks)
    return out, lse


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    visible: Tensor,
    scale: float,
    softcap: float | None,
    sinks: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """[count, heads, value_dim] and [count, heads] of queries [count, heads, head_dim] and what they see."""
    group = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(group, dim=1), value.repeat_interleave(group, dim=1)
    scores = torch.einsum("qhd,khd->hqk", query, key) * scale
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    scores = scores.masked_fill(~visible, -math.inf)
    sums = scores.logsumexp(-1)
    if sinks is not None:
        sums = torch.logaddexp(sums, sinks.float().unsqueeze(1))
    weights = torch.exp(scores - sums.unsqueeze(-1))
    return torch.einsum("hqk,khd->qhd", weights, value), sums.T
