"""Twin of `sgl.kernels.triton.adjust`."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

_LARGEST: Final = float(torch.finfo(torch.float32).max)


def adjust(
    logits: Tensor,
    *,
    history: Tensor,
    repetition: Tensor,
    presence: Tensor,
    frequency: Tensor,
    bias: Tensor,
    too_early: Tensor,
    allowed: Tensor,
) -> Tensor:
    """See `sgl.kernels.triton.adjust.adjust`, with everything spread out over the vocabulary.

    Args:
        logits: [B, V].
        history: int32 [B, V], as there; 0 for a row without penalties.
        repetition, presence, frequency: float32 [B].
        bias: float32 [B, V].
        too_early: bool [B, V], tokens that would end a row before its minimum.
        allowed: bool [B, V].
    """
    found = logits.float() + bias
    counts = history >> 1
    factor = repetition[:, None]
    scaled = torch.where(found < 0, found * factor, found / factor).clamp(max=_LARGEST)
    scaled = scaled - frequency[:, None] * counts - presence[:, None] * (counts > 0)
    found = torch.where(history != 0, scaled, found)
    found = found.masked_fill(too_early | ~allowed, -torch.inf)
    return torch.where(logits.isnan() | logits.isposinf(), torch.nan, found)
