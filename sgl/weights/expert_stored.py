"""`store_experts`: one projection of all experts, from a matrix for each in a checkpoint to what one kernel multiplies.

For devices that multiply all experts together (`sgl.kernels.fused.FusedKernels.experts`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Protocol

from torch import Tensor

from sgl.config.held import Kind, holding_of, is_quantised
from sgl.config.layout.weight import Matrix
from sgl.config.quantization import Quantization
from sgl.kernels.expert_weight import AnyExperts, ExpertWeight
from sgl.weights.collect import Collector, Piece, experts_of
from sgl.weights.plain import PlainStored
from sgl.weights.slot import Placement, Slot, size_of
from sgl.weights.store import store


class StoredExperts(Protocol):
    """One projection of all experts; `together` is called once, when all slots are full."""

    def slots(self) -> Iterator[Slot]:
        """Every checkpoint tensor that it needs, with full names."""
        ...

    def together(self) -> AnyExperts:
        """All experts' weights and biases. What they were made of goes."""
        ...

    def weight_bytes(self) -> int:
        """Bytes that are held; known from the start."""
        ...


def store_experts(matrices: Sequence[Matrix], place: Placement) -> StoredExperts:
    """Room for a projection, by what the checkpoint has of it.

    Args:
        matrices: One expert's each, all of one shape.
    """
    scheme = place.quantization
    if scheme is None or not any(is_quantised(each, name, scheme) for each in matrices for name in each.names):
        return PlainExperts(matrices, place)
    return CodedExperts(matrices, place, scheme)


class PlainExperts:
    """Weights in a floating-point type: slots are views of what is multiplied, so that nothing is held twice."""

    def __init__(self, matrices: Sequence[Matrix], place: Placement) -> None:
        first, count = matrices[0], len(matrices)
        self._weight: Tensor | None = place.empty(count, first.width, first.inputs)
        self._bias = place.empty(count, first.width) if first.bias else None
        self._stored = [
            PlainStored(matrix, place, self._weight[index], None if self._bias is None else self._bias[index])
            for index, matrix in enumerate(matrices)
        ]
        self._bytes = size_of(self._weight, self._bias)

    def slots(self) -> Iterator[Slot]:
        """Of every expert."""
        return chain(*(each.slots() for each in self._stored))

    def together(self) -> ExpertWeight:
        """What the slots have filled."""
        assert self._weight is not None, "taken once"
        weight, self._weight, self._stored = self._weight, None, []
        return ExpertWeight(weight, bias=self._bias)

    def weight_bytes(self) -> int:
        """Bytes of weights and biases."""
        return self._bytes


class CodedExperts:
    """Codes, or what is expanded from them; `sgl.config.held` says which.

    While `together` runs, the projection is held twice.
    """

    def __init__(self, matrices: Sequence[Matrix], place: Placement, scheme: Quantization) -> None:
        self._matrices = matrices
        kind = _kind(matrices, scheme)
        self._collector = Collector(expands=kind == "expanded")
        own = replace(place, products=self._collector.products)
        self._stored = [store(matrix, own) for matrix in matrices]
        self._bytes = sum(_held_bytes(matrix, scheme, kind, place.dtype.itemsize) for matrix in matrices)

    def slots(self) -> Iterator[Slot]:
        """Of every expert."""
        return chain(*(each.slots() for each in self._stored))

    def together(self) -> AnyExperts:
        """Expert by expert, so that each one's checkpoint tensors go before the next one's are read.

        Raises:
            CheckpointError: Experts have their inputs in orders of their own, and the config does not say so.
        """
        pieces: list[Piece] = []
        self._stored.reverse()
        while self._stored:
            self._stored.pop().product(deterministic=False)
            pieces += self._collector.take()
        first = self._matrices[0]
        return experts_of(pieces, len(self._matrices), first.width, first.names[0])

    def weight_bytes(self) -> int:
        """Bytes of codes and scales, or of expanded weights, and of biases."""
        return self._bytes


def _kind(matrices: Sequence[Matrix], scheme: Quantization) -> Kind:
    """How all experts are held: as codes if each can be and all are quantised, as one kernel multiplies them."""
    kinds: set[Kind] = {
        holding_of(each, scheme, each.width, "cuda").kind
        if all(is_quantised(each, name, scheme) for name in each.names)
        else "expanded"
        for each in matrices
    }
    return kinds.pop() if len(kinds) == 1 else "expanded"


def _held_bytes(matrix: Matrix, scheme: Quantization, kind: Kind, element_bytes: int) -> int:
    bias = matrix.width * element_bytes if matrix.bias else 0
    if kind == "expanded":
        return matrix.width * matrix.inputs * element_bytes + bias
    return holding_of(matrix, scheme, matrix.width, "cuda").reported(matrix.width, matrix.inputs, element_bytes) + bias
