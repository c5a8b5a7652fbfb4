"""Twin of `sgl.kernels.triton.merge`."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def merge_states(first: Tensor, first_lse: Tensor, second: Tensor, second_lse: Tensor) -> tuple[Tensor, Tensor]:
    """See `sgl.kernels.triton.merge.merge_states`."""
    lse = torch.logaddexp(first_lse, second_lse)
    merged = torch.zeros_like(first, dtype=torch.float32)
    for part, sums in ((first, first_lse), (second, second_lse)):
        merged += torch.where(sums == -math.inf, 0.0, torch.exp(sums - lse)).unsqueeze(-1) * part.float()
    return merged.to(first.dtype), lse
