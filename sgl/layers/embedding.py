"""Rows of a matrix by token."""

from __future__ import annotations

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor

from sgl.config.layout.weight import Table
from sgl.weights.slot import Placement, Slot, size_of


class Embedding:
    """Rows of a matrix by token id, or by position."""

    def __init__(self, table: Table, place: Placement) -> None:
        self._name = table.name
        self.weight = place.empty(table.rows, table.width)

    def forward(self, token_ids: Tensor) -> Tensor:
        """int64 [tokens] -> [tokens, hidden_size]."""
        return F.embedding(token_ids, self.weight)

    def slots(self) -> Iterator[Slot]:
        """The matrix."""
        yield Slot(f"{self._name}.weight", self.weight)

    def finish(self, deterministic: bool) -> None:
        """Nothing to prepare."""

    def weight_bytes(self) -> int:
        """Bytes of the matrix."""
        return size_of(self.weight)
