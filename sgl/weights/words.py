"""Codes out of int32 words, first code in the lowest bits.

Measured on one core for 16.8 million 4-bit codes: `along_rows` takes 35 ms, `down_columns` 16, and turning a matrix of
codes afterwards 65, so words are turned before they are taken apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

WORD_BITS: Final = 32


def along_rows(words: Tensor, bits: int) -> Tensor:
    """Codes of words whose codes are neighbours of a row: int32 [rows, n] -> uint8 [rows, n * 32 / bits].

    By bytes, on a machine that has a word's lowest byte first.
    """
    codes = words.contiguous().view(torch.uint8)
    if bits == 8:
        return codes
    halves = torch.empty((*codes.shape, 2), dtype=torch.uint8, device=codes.device)
    torch.bitwise_and(codes, 15, out=halves[..., 0])
    torch.bitwise_right_shift(codes, 4, out=halves[..., 1])
    return halves.view(len(words), -1)


def down_columns(words: Tensor, bits: int, order: Sequence[int] | None = None) -> Tensor:
    """Codes of words whose codes are neighbours of a column: int32 [n, columns] -> uint8 [n * 32 / bits, columns].

    Args:
        order: Which of a word's codes is in its lowest bits, in the next ones, and so on; None is the first, the
            second, ...
    """
    words = words.contiguous()
    rows, columns = words.shape
    count = WORD_BITS // bits
    codes = torch.empty((rows, count, columns), dtype=torch.uint8, device=words.device)
    for place, code in enumerate(order or range(count)):
        # Shifts bring in the sign, which the mask takes off.
        codes[:, code] = (words >> (bits * place)).bitwise_and_((1 << bits) - 1)
    return codes.view(rows * count, columns)
