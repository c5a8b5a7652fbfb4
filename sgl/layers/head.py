"""The output head: a matrix of its own, or the embedding's."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from sgl.kernels.matmul import Matmul, plain
from sgl.kernels.products import DenseProduct
from sgl.layers.embedding import Embedding
from sgl.layers.linear import Linear
from sgl.weights.slot import Slot


class Head(Linear):
    """Hidden states -> logits over the vocabulary."""

    def forward(self, x: Tensor) -> Tensor:
        """[rows, hidden_size] -> [rows, vocab_size]."""
        return super().forward(x)


class TiedHead:
    """Hidden states -> logits over the vocabulary, through the embedding's own matrix."""

    def __init__(self, embedding: Embedding, multiply: DenseProduct) -> None:
        self._embedding = embedding
        self._multiply = multiply
        self._matmul: Matmul = plain(embedding.weight, None)

    def forward(self, hidden: Tensor) -> Tensor:
        """[rows, hidden_size] -> [rows, vocab_size]."""
        return self._matmul(hidden)

    def slots(self) -> Iterator[Slot]:
        """None: the matrix is the embedding's."""
        return iter(())

    def finish(self, deterministic: bool) -> None:
        """Prepacks the matrix on a CPU: a second copy, because looking tokens up needs the plain rows."""
        self._matmul = self._multiply(self._embedding.weight, None, deterministic=deterministic)

    def weight_bytes(self) -> int:
        """Nothing of its own."""
        return 0
