"""Random numbers that are the same for the same seed on every version of Python.

Only ``random.random`` is promised to stay as it is (the notes on reproducibility in Python's documentation), so
everything here is made of it. Seeds are words: each purpose has a stream of its own, and prompt 7 is the same whether
10 or 10,000 prompts are drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


def stream(*names: object) -> Random:
    """The generator of one purpose, such as ``stream(seed, "lengths", 7)``."""
    return Random(" ".join(map(str, names)))


def whole(draw: Random, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``, both included."""
    return low + int(draw.random() * (high - low + 1))


def several(draw: Random, items: Sequence[Item], count: int) -> list[Item]:
    """``count`` of the items; one may come more than once."""
    random, most = draw.random, len(items)
    return [items[int(random() * most)] for _ in range(count)]


def normal(draw: Random) -> float:
    """A standard normal number (Box and Muller's transform; the second number of the pair is dropped)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - draw.random()))
    return radius * math.cos(2.0 * math.pi * draw.random())


def shuffled(draw: Random, items: Sequence[Item]) -> list[Item]:
    """The items in another order (Fisher and Yates's shuffle)."""
    mixed = list(items)
    for last in range(len(mixed) - 1, 0, -1):
        other = int(draw.random() * (last + 1))
        mixed[last], mixed[other] = mixed[other], mixed[last]
    return mixed
