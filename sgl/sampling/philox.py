"""Philox4x32-10, a counter-based random generator: the same (key, counter) gives the same bits anywhere.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). The words of
a block depend on nothing but key and counter, so no state has to be saved, replayed or kept in step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
"""32-bit words, each in its own uint64 so that products of two need no second type."""

ROUNDS: Final = 10
_MASK: Final = np.uint64(0xFFFFFFFF)
_SHIFT: Final = np.uint64(32)
_MULTIPLIERS: Final = np.array([[0xD2511F53], [0xCD9E8D57]], dtype=np.uint64)
_WEYL: Final = np.array([0x9E3779B9, 0xBB67AE85], dtype=np.uint64)


def round_keys(key: Words) -> Words:
    """The key of every round, [10, 2, n], from keys [2, n]; made once for many counters."""
    steps: Words = np.arange(ROUNDS, dtype=np.uint64)[:, None] * _WEYL
    keys: Words = (key + steps[:, :, None]) & _MASK
    return keys


def philox4x32(counter: Words, keys: Words) -> Words:
    """Encrypts n counters.

    Args:
        counter: [4, n], word 0 first.
        keys: What `round_keys` made of the n keys.

    Returns:
        [4, n] random words.
    """
    # Words (0, 2) are multiplied, words (1, 3) are mixed in: each pair is one array, halving the calls.
    multiplied, mixed = counter[0::2], counter[1::2]
    for key in keys:
        product = multiplied * _MULTIPLIERS
        multiplied = ((product >> _SHIFT)[::-1] ^ mixed) ^ key
        mixed = (product & _MASK)[::-1]
    return np.stack([multiplied[0], mixed[0], multiplied[1], mixed[1]])


class Draws:
    """The random draws of n requests: 64 bits per (seed, position)."""

    def __init__(self, seeds: Sequence[int]) -> None:
        """Takes 64-bit seeds; a negative one stands for its two's complement."""
        key = np.array([[seed & 0xFFFFFFFF for seed in seeds], [seed >> 32 & 0xFFFFFFFF for seed in seeds]], np.uint64)
        self._keys = round_keys(key)

    def at(self, positions: Sequence[int]) -> list[int]:
        """One integer below 2**64 per request, uniform: words 0 (low) and 1 of counter (position, 0)."""
        counter = np.zeros((4, len(positions)), dtype=np.uint64)
        counter[0] = positions
        counter[1] = counter[0] >> _SHIFT
        counter[0] &= _MASK
        words = philox4x32(counter, self._keys)
        bits: list[int] = (words[0] | words[1] << _SHIFT).tolist()
        return bits
