"""A mixture of experts: a router chooses a few feed-forward blocks for each token, and their results are summed.

Tokens are sorted by expert once, and each chosen expert multiplies its own rows: a step reads the weights of the
experts that it needs and of no others. Each is an ordinary product, so what holds for `Linear` (packing, quantised
weights, the deterministic mode) holds here. `sum_by_masks` is the plain twin. Where a device has kernels for all
experts together, `sgl.layers.expert_group` takes the place of the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor

from sgl.config.layout.group import ExpertWeights
from sgl.config.model import ModelConfig
from sgl.layers.base import Group, Layer
from sgl.layers.expert_group import ExpertGroup
from sgl.layers.expert_stack import StackedExperts
from sgl.layers.mlp import MLP
from sgl.layers.narrow import NarrowLinear
from sgl.layers.router import Router, sigmoid_by_row
from sgl.weights.slot import Placement

ROW_COUNT_BITS: Final = 3
"""Of each power of two, so many leading bits tell counts of rows apart."""

Expert = Callable[[Tensor], Tensor]
"""[rows, hidden_size] -> [rows, hidden_size]"""


class Experts(Group):
    """The feed-forward block of a layer with experts; see `sgl.config.experts.ExpertsConfig`."""

    def __init__(self, config: ModelConfig, weights: ExpertWeights, place: Placement) -> None:
        assert config.experts is not None, "asked for a layer that has them"
        self._router = Router(config.experts, weights, place)
        self._experts: list[Expert] = []
        self._group = None if place.fused is None else ExpertGroup(config, weights, place)
        parts: list[Layer] = [self._router]
        if self._group is not None:
            parts.append(self._group)
        elif weights.gate_up is not None and weights.down is not None:
            stack = StackedExperts(config, weights.gate_up, weights.down, place)
            self._experts = [stack.expert(number) for number in range(stack.count)]
            parts.append(stack)
        else:
            blocks = [MLP(config, each, place) for each in weights.experts]
            self._experts = [block.forward for block in blocks]
            parts += blocks
        self._shared = None if weights.shared is None else MLP(config, weights.shared, place)
        self._shared_gate = None if weights.shared_gate is None else NarrowLinear(weights.shared_gate, place)
        parts += [each for each in (self._shared, self._shared_gate) if each is not None]
        super().__init__(*parts)

    def forward(self, hidden: Tensor, slots: Tensor | None = None) -> Tensor:
        """[tokens, hidden_size] -> [tokens, hidden_size]; for ``slots`` see `Router.forward`."""
        weights, chosen = self._router.forward(hidden, slots)
        if self._group is not None:
            summed = self._group.forward(hidden, weights, chosen)
        else:
            summed = sum_by_order(hidden, weights, chosen, self._experts).to(hidden.dtype)
        if self._shared is None:
            return summed
        shared = self._shared.forward(hidden)
        if self._shared_gate is not None:
            shared = shared * sigmoid_by_row(self._shared_gate.forward(hidden))
        return summed.add_(shared)


def sum_by_order(hidden: Tensor, weights: Tensor, chosen: Tensor, experts: Sequence[Expert]) -> Tensor:
    """Weighted results of each token's experts, added in the order of the experts' numbers.

    That order is the token's own, so its sum has the same bits whoever shares the batch, if the experts' results do.

    Args:
        hidden: [tokens, hidden_size].
        weights: float32 [tokens, chosen].
        chosen: int64 [tokens, chosen], different experts in each row.

    Returns:
        float32 [tokens, hidden_size].
    """
    order = chosen.flatten().argsort(stable=True)
    counts = torch.bincount(chosen.flatten(), minlength=len(experts)).tolist()
    rows = torch.div(order, chosen.shape[1], rounding_mode="floor")
    factors = weights.flatten().index_select(0, order).unsqueeze(1)
    summed = torch.zeros(hidden.shape, dtype=torch.float32, device=hidden.device)
    start = 0
    for number, count in enumerate(counts):
        if count:
            own = rows[start : start + count]
            result = experts[number](hidden.index_select(0, _padded(own)))[:count]
            summed.index_add_(0, own, result * factors[start : start + count])
            start += count
    return summed


def row_count(count: int) -> int:
    """Rows that an expert computes for ``count`` of its own: up to an eighth more, so that few counts occur.

    oneDNN compiles a product for each count of rows that it meets: some 1 ms and half a MiB each (bfloat16 and packed
    float32, 512 x 256, on a 2-core x86), and the experts of one prompt meet a hundred of them.
    """
    step = 1 << max(0, (count - 1).bit_length() - 1 - ROW_COUNT_BITS)
    return -(-count // step) * step


def _padded(rows: Tensor) -> Tensor:
    """Row numbers, and the first one again as often as `row_count` asks."""
    missing = row_count(len(rows)) - len(rows)
    return torch.cat((rows, rows[:1].expand(missing))) if missing else rows


def sum_by_masks(hidden: Tensor, weights: Tensor, chosen: Tensor, experts: Sequence[Expert]) -> Tensor:
    """The same, every expert computing every token and counting where it was chosen."""
    summed = torch.zeros(hidden.shape, dtype=torch.float32, device=hidden.device)
    for number, expert in enumerate(experts):
        share = torch.where(chosen == number, weights, 0.0).sum(dim=1, keepdim=True)
        summed += expert(hidden) * share
    return summed
