"""Seeded random weights: the shape and speed of a model without its files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import torch

from sgl.weights.slot import Slot

STANDARD_DEVIATION: Final = 0.02
"""transformers' default ``initializer_range``: activations stay finite through any depth."""

MXFP4_SCALE: Final = 120
"""2 ** -7: weights of MXFP4 with evenly drawn codes come to a standard deviation of 0.023."""


def fill_randomly(slots: Iterable[Slot], seed: int) -> None:
    """Draws matrices from N(0, 0.02) and codes evenly, sets norm scales to 1 and biases to 0.

    Each tensor has its own generator, keyed by seed and position, so the order of filling is all that
    matters and the same seed gives the same model on every machine, if it is drawn on a CPU. A GPU draws another one:
    eight billion weights would take a CPU minutes.
    """
    for index, slot in enumerate(slots):
        if slot.optional or slot.target.dtype == torch.int64:
            # Shapes and groups, which are as they must be from the start.
            continue
        if slot.name.endswith("_scales") and slot.target.dtype == torch.uint8:
            slot.target.fill_(MXFP4_SCALE)
            continue
        if slot.target.dim() == 1:
            slot.target.fill_(0.0 if slot.name.endswith(".bias") else 1.0)
            continue
        generator = torch.Generator(slot.target.device).manual_seed((seed << 20) + index)
        if not slot.target.dtype.is_floating_point:
            slot.target.random_(generator=generator)
            continue
        drawn = torch.empty(slot.target.shape, dtype=torch.float32, device=slot.target.device)
        drawn.normal_(0.0, STANDARD_DEVIATION, generator=generator)
        slot.target.copy_(drawn)
