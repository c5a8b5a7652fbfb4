"""MXFP4: blocks of 32 weights, four bits each, that share a power of two (OCP Microscaling Formats 1.0, 2023).

A weight is E2M1: a sign, two bits of exponent, one of mantissa. A scale is E8M0: 2 ** (byte - 127); the byte 255 is
NaN. Two weights lie in a byte, the first one in its low half.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

BLOCK: Final = 32
"""Weights that share a scale."""
BLOCK_BYTES: Final = BLOCK // 2

_MAGNITUDES: Final = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
_VALUES: Final = (*_MAGNITUDES, *(-each for each in _MAGNITUDES))
_PAIRS: Final = tuple((_VALUES[byte & 15], _VALUES[byte >> 4]) for byte in range(256))
_POWERS: Final = (*(math.ldexp(1.0, byte - 127) for byte in range(255)), math.nan)


def expand(blocks: Tensor, scales: Tensor, dtype: torch.dtype) -> Tensor:
    """Packed weights as numbers; each is exact in bfloat16 and float32 unless it leaves their range.

    Args:
        blocks: uint8 [..., groups, 16].
        scales: uint8 [..., groups].

    Returns:
        [..., groups * 32] of ``dtype``.
    """
    pairs = torch.tensor(_PAIRS, dtype=torch.float32, device=blocks.device)
    powers = torch.tensor(_POWERS, dtype=torch.float32, device=scales.device)
    values = pairs[blocks.int()].flatten(-2)
    return values.mul_(powers[scales.int()].unsqueeze(-1)).flatten(-2).to(dtype)
