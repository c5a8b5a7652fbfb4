"""Which experts compute a token, and how much each one counts (Shazeer et al. 2017).

A router is computed in float32 whatever the model's type: two experts whose scores are close must be told apart the
same way for the same token, and the weights of a router are few.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from sgl.config.experts import ExpertsConfig
from sgl.config.layout.group import ExpertWeights
from sgl.layers.base import Group
from sgl.layers.narrow import NarrowLinear
from sgl.layers.vector import Values
from sgl.weights.slot import Placement

SUM_FLOOR: Final = 1e-20
"""Added to the sum that normalised scores are divided by (DeepSeek-V3); it is lost in any sum that is not 0."""


def route(logits: Tensor, config: ExpertsConfig, correction: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Chooses experts by their logits.

    Args:
        logits: float32 [tokens, count].
        correction: float32 [count], added to the scores for the choice alone; see `ExpertsConfig.correction`.

    Returns:
        Weights, float32 [tokens, chosen], and the experts they belong to, int64 [tokens, chosen]; best first.
    """
    scores = logits.softmax(dim=-1) if config.score == "softmax" else sigmoid_by_row(logits)
    wanted = scores if correction is None else scores + correction
    if config.groups > 1:
        wanted = _in_best_groups(wanted, config)
    chosen = wanted.topk(config.chosen, dim=-1).indices
    weights = scores.gather(-1, chosen)
    if config.normalize:
        weights = weights / (weights.sum(dim=-1, keepdim=True) + SUM_FLOOR)
    return weights * config.scale, chosen


def sigmoid_by_row(x: Tensor) -> Tensor:
    """Sigmoid of [rows, any], each row with the same bits in every batch.

    torch's own takes another exponential for what is left at the end of a tensor, or of a thread's share of it, when
    vectors are full. Softmax goes row by row, and of two scores, x and 0, the first one's share is the sigmoid.
    """
    return torch.stack([x, torch.zeros_like(x)], dim=-1).softmax(dim=-1)[..., 0]


def _in_best_groups(wanted: Tensor, config: ExpertsConfig) -> Tensor:
    """Scores [tokens, count] with -inf for experts of groups that are not chosen."""
    grouped = wanted.view(len(wanted), config.groups, -1)
    of_group = grouped.topk(config.group_top, dim=-1).values.sum(dim=-1)
    best = of_group.topk(config.chosen_groups, dim=-1).indices
    closed = torch.ones_like(of_group, dtype=torch.bool).scatter_(-1, best, False)
    return grouped.masked_fill(closed.unsqueeze(-1), -torch.inf).view_as(wanted)


class Router(Group):
    """Hidden states -> experts and their weights.

    Args:
        weights: Its projection and its correction are read of them.
    """

    def __init__(self, config: ExpertsConfig, weights: ExpertWeights, place: Placement) -> None:
        self._config = config
        self._fused = place.fused
        self._projection = NarrowLinear(weights.router, place)
        self._correction = None if weights.correction is None else Values(weights.correction, place)
        super().__init__(self._projection, *([] if self._correction is None else [self._correction]))

    def forward(self, hidden: Tensor, slots: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """[tokens, hidden_size] -> float32 weights and experts, each [tokens, chosen]; see `route`.

        Args:
            slots: `sgl.batch.context.ForwardContext.slots`; rows that pad choose no expert, where kernels are fused.
        """
        correction = None if self._correction is None else self._correction.values
        logits = self._projection.forward(hidden)
        if self._fused is not None:
            return self._fused.route(logits, self._config, correction, slots)
        return route(logits, self._config, correction)
