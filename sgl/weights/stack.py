"""Projections of all experts in one checkpoint tensor: the slots, and one product for each expert, or one of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from sgl.config.held import Holding, stack_holding
from sgl.config.layout.weight import ExpertStack
from sgl.kernels.expert_weight import AnyExperts, ExpertWeight
from sgl.kernels.matmul import Matmul
from sgl.weights.at_load import MadeStored
from sgl.weights.collect import Collector, experts_of
from sgl.weights.mxfp4 import BLOCK, BLOCK_BYTES, expand
from sgl.weights.plain import PlainStored
from sgl.weights.slot import Placement, Slot, size_of


class StoredStack(Protocol):
    """`sgl.weights.stored.Stored` of a whole `ExpertStack`.

    Either `products` or `together` is called, once, when all slots are full.
    """

    def slots(self) -> Iterator[Slot]:
        """Every checkpoint tensor that it needs, with full names."""
        ...

    def products(self, deterministic: bool) -> list[Matmul]:
        """Of each expert: [rows, inputs] -> [rows, outputs]."""
        ...

    def together(self) -> AnyExperts:
        """All experts' weights, [count, outputs, inputs], and biases, for kernels that multiply all at once."""
        ...

    def weight_bytes(self) -> int:
        """Bytes that the products hold, packing aside; known from the start."""
        ...


def store_stack(stack: ExpertStack, place: Placement) -> StoredStack:
    """Room for a stack, by what the checkpoint has of it, and what is made of that."""
    if stack.mxfp4:
        return PackedStack(stack, place)
    holding = stack_holding(stack, place.quantization, place.holds_as)
    return PlainStack(stack, place) if holding is None else MadeStack(stack, place, holding)


class PlainStack:
    """[count, inputs, outputs] in a floating-point type."""

    def __init__(self, stack: ExpertStack, place: Placement) -> None:
        self._name = stack.name
        self._products = place.products
        self._weight: Tensor | None = _room(stack, place)
        self._bias = place.empty(stack.count, stack.outputs) if stack.bias else None
        self._bytes = size_of(self._weight, self._bias)

    def slots(self) -> Iterator[Slot]:
        """The tensor and its bias."""
        assert self._weight is not None, "slots are filled before the weight is taken"
        yield Slot(self._name, self._weight)
        yield from _bias_slot(self._name, self._bias)

    def products(self, deterministic: bool) -> list[Matmul]:
        """Prepacked where that is faster, one expert after the other."""
        assert self._weight is not None, "taken once"
        weight, self._weight = self._weight, None
        biases = _each(self._bias, len(weight))
        return [
            self._products.dense(each.T, bias, deterministic=deterministic)
            for each, bias in zip(weight.unbind(), biases, strict=True)
        ]

    def together(self) -> ExpertWeight:
        """What the slots have filled."""
        assert self._weight is not None, "taken once"
        weight, self._weight = self._weight, None
        return ExpertWeight(weight.transpose(1, 2).contiguous(), bias=self._bias)

    def weight_bytes(self) -> int:
        """Bytes of weights and biases."""
        return self._bytes


class MadeStack:
    """As `PlainStack` in the checkpoint; each expert's product becomes codes (`sgl.weights.at_load`)."""

    def __init__(self, stack: ExpertStack, place: Placement, holding: Holding) -> None:
        self._stack = stack
        self._place = place
        self._expands = holding.kind == "expanded"
        self._weight: Tensor | None = _room(stack, place)
        self._bias = place.empty(stack.count, stack.outputs) if stack.bias else None
        each = holding.reported(stack.outputs, stack.inputs, place.dtype.itemsize)
        self._bytes = stack.count * each + size_of(self._bias)

    def slots(self) -> Iterator[Slot]:
        """The tensor and its bias."""
        assert self._weight is not None, "slots are filled before the weight is taken"
        yield Slot(self._stack.name, self._weight)
        yield from _bias_slot(self._stack.name, self._bias)

    def products(self, deterministic: bool) -> list[Matmul]:
        """Of each expert's codes."""
        return [each.product(deterministic) for each in self._made(self._place)]

    def together(self) -> AnyExperts:
        """All experts' codes; while this runs, the projection is held twice."""
        collector = Collector(expands=self._expands)
        for each in self._made(replace(self._place, products=collector.products)):
            each.product(deterministic=False)
        return experts_of(collector.take(), self._stack.count, self._stack.outputs, self._stack.name)

    def weight_bytes(self) -> int:
        """Bytes of codes, scales, offsets and biases."""
        return self._bytes

    def _made(self, place: Placement) -> Iterator[MadeStored]:
        """One expert after the other."""
        assert self._weight is not None, "taken once"
        weight, self._weight = self._weight, None
        for number, (own, bias) in enumerate(zip(weight.unbind(), _each(self._bias, len(weight)), strict=True)):
            matrix = replace(self._stack.each, names=(f"{self._stack.name}.{number}",))
            yield MadeStored(matrix, place, PlainStored(matrix, place, own.T, bias))


class PackedStack:
    """MXFP4 (`sgl.weights.mxfp4`), expanded one expert after the other; the blocks go with the call.

    Blocks lie as [count, outputs, inputs / 32, 16]: unlike the plain tensor's, an output's weights are neighbours.
    """

    def __init__(self, stack: ExpertStack, place: Placement) -> None:
        self._name = stack.name
        self._products = place.products
        self._dtype = place.dtype
        groups = stack.inputs // BLOCK
        shape = (stack.count, stack.outputs, groups)
        self._packed: tuple[Tensor, Tensor] | None = (
            torch.empty((*shape, BLOCK_BYTES), dtype=torch.uint8, device=place.device),
            torch.empty(shape, dtype=torch.uint8, device=place.device),
        )
        self._bias = place.empty(stack.count, stack.outputs) if stack.bias else None
        self._bytes = stack.elements * place.dtype.itemsize

    def slots(self) -> Iterator[Slot]:
        """Blocks, scales and the bias."""
        assert self._packed is not None, "slots are filled before the weight is taken"
        blocks, scales = self._packed
        yield Slot(f"{self._name}_blocks", blocks)
        yield Slot(f"{self._name}_scales", scales)
        yield from _bias_slot(self._name, self._bias)

    def products(self, deterministic: bool) -> list[Matmul]:
        """Of the expanded weights."""
        assert self._packed is not None, "taken once"
        (blocks, scales), self._packed = self._packed, None
        biases = _each(self._bias, len(blocks))
        return [
            self._products.dense(expand(block, scale, self._dtype), bias, deterministic=deterministic)
            for block, scale, bias in zip(blocks.unbind(), scales.unbind(), biases, strict=True)
        ]

    def together(self) -> ExpertWeight:
        """The expanded weights; an expert after the other, as what is expanded is wide for a moment."""
        assert self._packed is not None, "taken once"
        (blocks, scales), self._packed = self._packed, None
        count, outputs, groups = scales.shape
        weight = torch.empty((count, outputs, groups * BLOCK), dtype=self._dtype, device=blocks.device)
        for room, block, scale in zip(weight.unbind(), blocks.unbind(), scales.unbind(), strict=True):
            room.copy_(expand(block, scale, self._dtype))
        return ExpertWeight(weight, bias=self._bias)

    def weight_bytes(self) -> int:
        """Bytes of expanded weights and biases."""
        return self._bytes


def _room(stack: ExpertStack, place: Placement) -> Tensor:
    """[count, inputs, outputs]; where all are multiplied together, an output's weights are neighbours, as kernels read
    them, so that a checkpoint is turned around while it is read."""
    if place.fused is None:
        return place.empty(stack.count, stack.inputs, stack.outputs)
    return place.empty(stack.count, stack.outputs, stack.inputs).transpose(1, 2)


def _bias_slot(name: str, bias: Tensor | None) -> Iterator[Slot]:
    if bias is not None:
        yield Slot(f"{name}_bias", bias)


def _each(bias: Tensor | None, count: int) -> list[Tensor | None]:
    return [None] * count if bias is None else list(bias.unbind())
