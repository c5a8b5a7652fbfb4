"""Twin of `sgl.kernels.triton.router`."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from sgl.config.experts import ExpertsConfig

SUM_FLOOR: Final = 1e-20


def route(
    logits: Tensor, config: ExpertsConfig, correction: Tensor | None = None, slots: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Weights, float32 [tokens, chosen], and experts, int32 [tokens, chosen]; the lowest number first among equals."""
    x = logits.float()
    scores = x.softmax(dim=-1) if config.score == "softmax" else x.sigmoid()
    wanted = scores if correction is None else scores + correction
    if config.groups > 1:
        grouped = wanted.view(len(x), config.groups, -1)
        of_group = grouped.sort(dim=-1, descending=True).values[..., : config.group_top].sum(dim=-1)
        best = _best(of_group, config.chosen_groups)
        closed = torch.ones_like(of_group, dtype=torch.bool).scatter_(-1, best, False)
        wanted = grouped.masked_fill(closed.unsqueeze(-1), -torch.inf).view_as(wanted)
    chosen = _best(wanted, config.chosen)
    weights = scores.gather(-1, chosen)
    if config.normalize:
        weights = weights / (weights.sum(dim=-1, keepdim=True) + SUM_FLOOR)
    weights = weights * config.scale
    if slots is not None:
        pads = (slots < 0).unsqueeze(1)
        weights, chosen = weights.masked_fill(pads, 0.0), chosen.masked_fill(pads, -1)
    return weights, chosen.int()


def _best(values: Tensor, count: int) -> Tensor:
    """int64 [..., count]: indices of the largest, best first."""
    return values.sort(dim=-1, descending=True, stable=True).indices[..., :count]
