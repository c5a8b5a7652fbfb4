"""Attention written down plainly: the twin every fast path is held equal to, and the soft-cap path.

One span at a time: gather its keys and values, scores in float32, mask, softmax, weighted sum.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def attend_dense(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    first_position: int,
    first_key: int,
    window: int | None = None,
    softcap: float | None = None,
) -> Tensor:
    """Causal grouped-query attention of one span.

    Args:
        query: [count, num_heads, head_dim]; row i is position ``first_position + i``.
        key: [keys, num_kv_heads, head_dim]; row j is position ``first_key + j``.
        value: Like key.
        window: A query sees itself and ``window - 1`` positions before; None sees all.
        softcap: Scores become ``softcap * tanh(scores / softcap)``.

    Returns:
        [count, num_heads, head_dim] in query's dtype.
    """
    count, num_heads, head_dim = query.shape
    keys, num_kv_heads, _ = key.shape
    group = num_heads // num_kv_heads
    folded = query.float().view(count, num_kv_heads, group, head_dim).permute(1, 2, 0, 3)
    scores = folded @ key.float().permute(1, 2, 0).unsqueeze(1) / math.sqrt(head_dim)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    hidden = ~visible(count, keys, first_position, first_key, window, query.device)
    weights = scores.masked_fill(hidden, -math.inf).softmax(dim=-1)
    mixed = weights @ value.float().permute(1, 0, 2).unsqueeze(1)
    return mixed.permute(2, 0, 1, 3).reshape(count, num_heads, head_dim).to(query.dtype)


def visible(
    count: int, keys: int, first_position: int, first_key: int, window: int | None, device: torch.device
) -> Tensor:
    """Whether query i may see key j: bool [count, keys]."""
    positions = torch.arange(first_position, first_position + count, device=device).unsqueeze(1)
    key_positions = torch.arange(first_key, first_key + keys, device=device).unsqueeze(0)
    allowed = key_positions <= positions
    if window is not None:
        allowed &= key_positions > positions - window
    return allowed
