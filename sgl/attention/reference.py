"""Attention written down plainly: the twin every fast path is held equal to.

One span at a time: gather its keys and values, scores in float32, mask, softmax, weighted sum.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Attended(NamedTuple):
    """What attention gives.

    Attributes:
        mixed: [count, num_heads, head_dim] in query's dtype.
        lse: float32 [count, num_heads], the logarithm of each softmax's denominator, sinks included.
    """

    mixed: Tensor
    lse: Tensor


def attend_dense(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    first_position: int,
    first_key: int,
    scale: float | None = None,
    window: int | None = None,
    softcap: float | None = None,
    sinks: Tensor | None = None,
) -> Attended:
    """Causal grouped-query attention of one span.

    Args:
        query: [count, num_heads, head_dim]; row i is position ``first_position + i``.
        key: [keys, num_kv_heads, head_dim]; row j is position ``first_key + j``.
        value: Like key.
        scale: Scores are multiplied with it; None is head_dim ** -0.5.
        window: A query sees itself and ``window - 1`` positions before; None sees all.
        softcap: Scores become ``softcap * tanh(scores / softcap)``.
        sinks: float [num_heads], a score that takes its share of the softmax and has no value; None is off.
    """
    count, num_heads, head_dim = query.shape
    keys, num_kv_heads, _ = key.shape
    group = num_heads // num_kv_heads
    folded = query.float().view(count, num_kv_heads, group, head_dim).permute(1, 2, 0, 3)
    scores = folded @ key.float().permute(1, 2, 0).unsqueeze(1) * (head_dim**-0.5 if scale is None else scale)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    hidden = ~visible(count, keys, first_position, first_key, window, query.device)
    scores = scores.masked_fill(hidden, -math.inf)
    if sinks is not None:
        sink = sinks.float().view(num_kv_heads, group, 1, 1).expand(-1, -1, count, 1)
        scores = torch.cat([scores, sink], dim=-1)
    lse = scores.logsumexp(dim=-1)
    weights = scores.softmax(dim=-1)[..., :keys]
    mixed = weights @ value.float().permute(1, 0, 2).unsqueeze(1)
    return Attended(
        mixed.permute(2, 0, 1, 3).reshape(count, num_heads, head_dim).to(query.dtype),
        lse.permute(2, 0, 1).reshape(count, num_heads),
    )


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
