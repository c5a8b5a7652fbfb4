"""Matrices of one product that cannot be multiplied as one: side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import torch
from torch import Tensor

from sgl.kernels.matmul import Matmul
from sgl.weights.slot import Slot
from sgl.weights.stored import Stored


def beside(products: Sequence[Matmul]) -> Matmul:
    """Their results side by side; one by itself is what it is."""
    if len(products) == 1:
        return products[0]

    def apply(x: Tensor) -> Tensor:
        return torch.cat([product(x) for product in products], dim=-1)

    return apply


class StoredBeside:
    """Some of the stacked matrices are quantised, and others are not. See `sgl.weights.stored.Stored`."""

    def __init__(self, stored: Sequence[Stored]) -> None:
        self._stored = stored

    def slots(self) -> Iterator[Slot]:
        """Of each."""
        return chain(*(stored.slots() for stored in self._stored))

    def product(self, deterministic: bool) -> Matmul:
        """One product for each."""
        return beside([stored.product(deterministic) for stored in self._stored])

    def dense(self) -> Tensor:
        """One matrix of all."""
        return torch.cat([stored.dense() for stored in self._stored])

    def weight_bytes(self) -> int:
        """Bytes of all."""
        return sum(stored.weight_bytes() for stored in self._stored)
