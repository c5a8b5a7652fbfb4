"""`Bias`: what is added to a product of stacked matrices."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from sgl.config.layout.weight import Matrix
from sgl.weights.slot import Placement, Slot, size_of


class Bias:
    """One slice per checkpoint matrix.

    Args:
        optional: Matrices without a bias may have one in the checkpoint. One of zeros is dropped.
    """

    def __init__(self, matrix: Matrix, place: Placement, *, optional: bool = False) -> None:
        self._matrix = matrix
        self._optional = optional and not matrix.bias
        self._bias: Tensor | None = None
        if matrix.bias:
            self._bias = place.empty(matrix.width)
        elif optional:
            self._bias = torch.zeros(matrix.width, dtype=place.dtype, device=place.device)
        self.bytes = size_of(self._bias) if matrix.bias else 0

    def slots(self) -> Iterator[Slot]:
        """None where there is none."""
        if self._bias is None:
            return
        parts = torch.split(self._bias, list(self._matrix.outputs))
        for name, part in zip(self._matrix.names, parts, strict=True):
            yield Slot(f"{name}.bias", part, self._optional)

    def loaded(self) -> Tensor | None:
        """[width], or None."""
        if self._bias is not None and self._optional and not self._bias.any():
            return None
        return self._bias
