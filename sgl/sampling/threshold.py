"""Radix select: the smallest logit to keep so that enough mass is kept, without sorting anything.

The bits of a float are looked at from the top, eleven at a time, by one histogram of mass each: linear in
the size of the vocabulary for any distribution, flat and constant ones included.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

_SHIFTS: Final = (21, 10, 0)
_BINS: Final = 1 << 11
_SIGN: Final = -(1 << 31)


def lowest_kept(logits: Tensor, masses: Tensor, need: Tensor) -> Tensor:
    """The largest t of each row with ``masses[logits >= t].sum() >= need``.

    Args:
        logits: [n, V] float32, no NaN, contiguous.
        masses: [n, V] int64, none negative.
        need: [n, 1] int64, 1 to the sum of the row's masses.

    Returns:
        [n, 1] float32, a value that occurs in the row.
    """
    keys = _mirror(logits.view(torch.int32)) ^ _SIGN
    found = torch.zeros_like(need)
    for shift in _SHIFTS:
        digits = (keys >> shift & _digit_mask(shift)).to(torch.int64)
        digit, above = _crossing(digits, masses, need)
        found |= digit << shift
        if shift:
            # What lies above the digit is kept, what lies below is not: the rest is decided within.
            masses = masses * (digits == digit)
            need = need - above
    return _mirror(found.to(torch.int32) ^ _SIGN).view(torch.float32)


def _digit_mask(shift: int) -> int:
    return _BINS - 1 if shift else (1 << _SHIFTS[-2]) - 1


def _mirror(bits: Tensor) -> Tensor:
    """Float bits to int32 keys that compare as the floats do, and back: it is its own inverse.

    A negative float has the sign bit set and grows downwards, so its other bits are flipped. -0.0 comes
    just below 0.0; the caller's ``logits >= t`` makes them equal again.
    """
    return bits ^ (bits >> 31 & 0x7FFFFFFF)


def _crossing(digits: Tensor, masses: Tensor, need: Tensor) -> tuple[Tensor, Tensor]:
    """From the top digit down, where the running mass reaches ``need``: (that digit, the mass above it)."""
    histogram = torch.zeros(digits.shape[0], _BINS, dtype=torch.int64, device=digits.device)
    descending = histogram.scatter_add_(1, digits, masses).flip(-1)
    running = descending.cumsum(-1)
    index = torch.searchsorted(running, need)
    return _BINS - 1 - index, running.gather(1, index) - descending.gather(1, index)
