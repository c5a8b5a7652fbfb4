"""The gated feed-forward block: ``down(silu(gate(x)) * up(x))`` (Shazeer 2020, SwiGLU)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from sgl.config.model import ModelConfig
from sgl.layers.base import Group, Placement
from sgl.layers.linear import Linear


class GatedMLP(Group):
    """gate and up in one projection."""

    def __init__(self, config: ModelConfig, layer: int, place: Placement) -> None:
        prefix = f"model.layers.{layer}.mlp"
        inner = config.intermediate_size
        self._inner = inner
        self._gate_up = Linear(
            [f"{prefix}.gate_proj", f"{prefix}.up_proj"],
            config.hidden_size,
            [inner, inner],
            bias=config.mlp_bias,
            place=place,
        )
        self._down = Linear([f"{prefix}.down_proj"], inner, [config.hidden_size], bias=config.mlp_bias, place=place)
        super().__init__(self._gate_up, self._down)

    def forward(self, hidden: Tensor) -> Tensor:
        """[tokens, hidden_size] -> [tokens, hidden_size]."""
        gate_up = self._gate_up.forward(hidden)
        return self._down.forward(F.silu(gate_up[:, : self._inner]).mul_(gate_up[:, self._inner :]))
