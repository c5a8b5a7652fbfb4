"""Experts whose projections lie in one checkpoint tensor each, of all experts (GPT-OSS)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torch import Tensor

from sgl.config.layout.weight import ExpertStack
from sgl.config.model import ModelConfig
from sgl.kernels.matmul import Matmul
from sgl.layers.activation import Nonlinear
from sgl.layers.base import Group
from sgl.weights.slot import Placement, Slot
from sgl.weights.stack import store_stack


class StackedLinear:
    """One projection of every expert."""

    def __init__(self, stack: ExpertStack, place: Placement) -> None:
        self._stored = store_stack(stack, place)
        self._products: list[Matmul] = []

    def forward(self, number: int, rows: Tensor) -> Tensor:
        """[rows, inputs] -> [rows, outputs] by one expert."""
        return self._products[number](rows)

    def slots(self) -> Iterator[Slot]:
        """What the checkpoint must hold."""
        return self._stored.slots()

    def finish(self, deterministic: bool) -> None:
        """Makes the products of what was loaded."""
        self._products = self._stored.products(deterministic)

    def weight_bytes(self) -> int:
        """Bytes of weights and biases."""
        return self._stored.weight_bytes()


class StackedExperts(Group):
    """All experts of a layer: ``down(activation(gate_up(x)))`` of each."""

    def __init__(self, config: ModelConfig, gate_up: ExpertStack, down: ExpertStack, place: Placement) -> None:
        self.count = gate_up.count
        self._activate = Nonlinear(config.activation, gated=config.gated, fused=place.fused)
        self._gate_up, self._down = StackedLinear(gate_up, place), StackedLinear(down, place)
        super().__init__(self._gate_up, self._activate, self._down)

    def expert(self, number: int) -> partial[Tensor]:
        """[rows, hidden_size] -> [rows, hidden_size] by one of them."""
        return partial(self._forward, number)

    def _forward(self, number: int, rows: Tensor) -> Tensor:
        return self._down.forward(number, self._activate.forward(self._gate_up.forward(number, rows)))
