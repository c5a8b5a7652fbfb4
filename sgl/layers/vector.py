"""`Values`: a tensor of one axis that a layer adds to something: a score per head, per expert, or a bias."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from sgl.config.layout.weight import Vector
from sgl.weights.slot import Placement, Slot, size_of


class Values:
    """The tensor of a `Vector`."""

    def __init__(self, vector: Vector, place: Placement) -> None:
        dtype = torch.float32 if vector.wide else place.dtype
        self._name = vector.name
        self.values = torch.empty(vector.size, dtype=dtype, device=place.device)

    def slots(self) -> Iterator[Slot]:
        """The tensor."""
        yield Slot(self._name, self.values)

    def finish(self, deterministic: bool) -> None:
        """Nothing to prepare."""

    def weight_bytes(self) -> int:
        """Bytes of the tensor."""
        return size_of(self.values)
