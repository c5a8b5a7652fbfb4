"""Twin of `sgl.kernels.triton.paged`: a sequence's K or V out of the pool."""

from __future__ import annotations

import torch
from torch import Tensor

from sgl.config.kv import KvStorage


def read_pool(
    pool: Tensor,
    multipliers: Tensor | None,
    storage: KvStorage | None,
    pages: Tensor,
    positions: Tensor,
    page_size: int,
) -> Tensor:
    """float32 [positions, heads, width].

    Args:
        pool: [slots, heads, width].
        multipliers: float32 [slots, heads] of codes (`sgl.kvcache.codec`).
        pages: int [pages of the sequence].
        positions: int64 [positions].
    """
    slots = pages[positions // page_size].long() * page_size + positions % page_size
    states = pool[slots]
    if storage is None or multipliers is None:
        return states.float()
    if storage == "fp8_e4m3":
        # Multipliers of FP8 belong to its bits in float16's places, which mean 256 times less.
        return states.view(torch.float8_e4m3fn).float() * (multipliers[slots].unsqueeze(-1) / 256)
    return states.float() * multipliers[slots].unsqueeze(-1)
