"""Partial results of one softmax, put together."""

from __future__ import annotations

import torch
from torch import Tensor


def merge(out: Tensor, lse: Tensor, rows: Tensor | slice, mixed: Tensor, new: Tensor) -> None:
    """Adds a partial result to rows that may hold one already, in place.

    Args:
        out: [rows, ..., width], sums of values weighted by the softmax over the keys so far.
        lse: float32 [rows, ...], the logarithm of that softmax's denominator; -inf where there is none yet.
        mixed: As ``out`` over other keys, of ``rows``.
        new: As ``lse``.
    """
    old = lse[rows]
    total = torch.logaddexp(old, new)
    weight_old, weight_new = torch.exp(old - total), torch.exp(new - total)
    out[rows] = (out[rows] * weight_old.unsqueeze(-1) + mixed * weight_new.unsqueeze(-1)).to(out.dtype)
    lse[rows] = total
