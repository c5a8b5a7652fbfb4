"""Seeds of several answers to one prompt."""

from __future__ import annotations

from typing import Final

_STEP: Final = 0x9E3779B97F4A7C15
"""2**64 divided by the golden ratio: the seeds of neighbouring answers lie far apart."""


def sample_seed(seed: int | None, number: int) -> int | None:
    """Seed of the ``number``-th answer: the first keeps the request's, the others get their own from it.

    Args:
        seed: A signed 64-bit integer, or None when the client gave none.
        number: Counts the answers to one prompt from 0.
    """
    if seed is None or number == 0:
        return seed
    mixed = (seed + number * _STEP) % 2**64
    return mixed - 2**64 if mixed >= 2**63 else mixed
