"""Token embedding and the output head, which may share one matrix."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from sgl.kernels.matmul import Matmul, choose_matmul, plain
from sgl.layers.base import Placement, Slot, size_of


class Embedding:
    """Rows of a [vocab_size, hidden_size] matrix by token id."""

    def __init__(self, name: str, vocab_size: int, hidden_size: int, place: Placement) -> None:
        self._name = name
        self.weight = place.empty(vocab_size, hidden_size)

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


class Head:
    """Hidden states -> logits over the vocabulary.

    Args:
        tied: The embedding whose matrix is the head's as well, or None for an own one.
    """

    def __init__(self, name: str, vocab_size: int, hidden_size: int, tied: Embedding | None, place: Placement) -> None:
        self._name = name
        self._tied = tied
        self._weight: Tensor | None = place.empty(vocab_size, hidden_size) if tied is None else tied.weight
        self._bytes = size_of(self._weight) if tied is None else 0
        self._matmul: Matmul = plain(self._weight, None)

    def forward(self, hidden: Tensor) -> Tensor:
        """[rows, hidden_size] -> float32 [rows, vocab_size]."""
        return self._matmul(hidden).to(torch.float32)

    def slots(self) -> Iterator[Slot]:
        """The matrix, unless it is the embedding's."""
        if self._tied is None:
            assert self._weight is not None, "slots are filled before finish"
            yield Slot(f"{self._name}.weight", self._weight)

    def finish(self, deterministic: bool) -> None:
        """Prepacks the matrix (a second copy when it is tied: lookup needs the plain rows)."""
        assert self._weight is not None, "finish is called once"
        self._matmul = choose_matmul(self._weight, None, deterministic=deterministic)
        self._weight = None

    def weight_bytes(self) -> int:
        """Bytes of the head's own matrix; 0 when tied."""
        return self._bytes
