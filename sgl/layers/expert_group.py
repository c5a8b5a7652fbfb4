"""All experts of a layer, multiplied together: what a GPU computes, in kernels whose number no choice changes.

The CPU's way is `sgl.layers.experts.sum_by_order`, which waits to hear which experts were chosen. Here nobody waits, so
a decode step can be captured.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from sgl.config.layout.group import ExpertWeights
from sgl.config.model import ModelConfig
from sgl.kernels.expert_weight import AnyExperts
from sgl.layers.base import Group
from sgl.weights.expert_stored import StoredExperts, store_experts
from sgl.weights.slot import Placement, Slot
from sgl.weights.stack import store_stack


class ExpertProjection:
    """One projection of every expert; finished by itself, so that at most one is held twice while weights load."""

    def __init__(self, stored: StoredExperts) -> None:
        self._stored = stored
        self._weight: AnyExperts | None = None

    @property
    def weight(self) -> AnyExperts:
        """Of all experts."""
        assert self._weight is not None, "finish comes before forward"
        return self._weight

    def slots(self) -> Iterator[Slot]:
        """What the checkpoint must hold."""
        return self._stored.slots()

    def finish(self, deterministic: bool) -> None:
        """Takes what was loaded; the kernels know by themselves how bits become the same in every batch."""
        self._weight = self._stored.together()

    def weight_bytes(self) -> int:
        """Bytes of weights and biases."""
        return self._stored.weight_bytes()


class ExpertGroup(Group):
    """``down(activation(gate_up(x)))`` of each token's experts, weighted and summed.

    Args:
        place: With the device's kernels.
    """

    def __init__(self, config: ModelConfig, weights: ExpertWeights, place: Placement) -> None:
        assert place.fused is not None, "asked for where kernels are"
        self._fused = place.fused
        self._activation = config.activation
        self._gated = config.gated
        gate_up, down = _stored(weights, place)
        self._gate_up, self._down = ExpertProjection(gate_up), ExpertProjection(down)
        super().__init__(self._gate_up, self._down)

    def forward(self, hidden: Tensor, weights: Tensor, chosen: Tensor) -> Tensor:
        """Args:
            hidden: [tokens, hidden_size].
            weights: float32 [tokens, chosen].
            chosen: int32 [tokens, chosen]; -1 is no expert.

        Returns:
            [tokens, hidden_size] in the type of ``hidden``.
        """
        return self._fused.experts(
            hidden, weights, chosen, self._gate_up.weight, self._down.weight, self._activation, gated=self._gated
        )


def _stored(weights: ExpertWeights, place: Placement) -> tuple[StoredExperts, StoredExperts]:
    """Both projections, by what the checkpoint has of them."""
    if weights.gate_up is not None and weights.down is not None:
        return store_stack(weights.gate_up, place), store_stack(weights.down, place)
    return (
        store_experts([each.gate_up for each in weights.experts], place),
        store_experts([each.down for each in weights.experts], place),
    )
