"""The feed-forward block: ``down(activation(gate(x)) * up(x))``, or without a gate."""

from __future__ import annotations

from torch import Tensor

from sgl.config.layout.group import MlpWeights
from sgl.config.model import ModelConfig
from sgl.layers.activation import Nonlinear
from sgl.layers.base import Group
from sgl.layers.linear import Linear
from sgl.weights.slot import Placement


class MLP(Group):
    """gate and up in one projection."""

    def __init__(self, config: ModelConfig, weights: MlpWeights, place: Placement) -> None:
        self._activate = Nonlinear(config.activation, gated=config.gated, fused=place.fused)
        self._gate_up = Linear(weights.gate_up, place)
        self._down = Linear(weights.down, place)
        super().__init__(self._gate_up, self._activate, self._down)

    def forward(self, hidden: Tensor) -> Tensor:
        """[tokens, hidden_size] -> [tokens, hidden_size]."""
        return self._down.forward(self._gate_up.activated(hidden, self._activate))
