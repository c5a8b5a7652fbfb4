"""Muon (Jordan et al. 2024): momentum whose matrix is made orthogonal before it is applied.

torch has it as well, in bfloat16, which most CPUs compute very slowly; this one is float32, and takes all matrices
of one shape together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import torch

MOMENTUM = 0.95
ITERATIONS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic that drives singular values towards 1, from the paper."""


class Muon(torch.optim.Optimizer):
    """For weight matrices only; embeddings and vectors need another optimizer."""

    def __init__(self, matrices: Iterable[torch.nn.Parameter], lr: float, weight_decay: float) -> None:
        super().__init__(_by_shape(matrices), {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Applies one step; there is no closure."""
        for group in self.param_groups:
            weights = group["params"]
            gradients = torch.stack([weight.grad for weight in weights])
            state = self.state[weights[0]]
            momentum = state.setdefault("momentum", torch.zeros_like(gradients))
            momentum.lerp_(gradients, 1 - MOMENTUM)
            updates = orthogonal(torch.lerp(gradients, momentum, MOMENTUM))
            rows, columns = weights[0].shape
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(weights, list(updates.unbind()), alpha=-group["lr"] * max(1.0, rows / columns) ** 0.5)


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """Brings the singular values of ``matrices`` [count, rows, columns] near 1, by Newton-Schulz steps."""
    tall = matrices.shape[-2] > matrices.shape[-1]
    wide = matrices.mT if tall else matrices
    wide = wide / (wide.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        square = wide @ wide.mT
        wide = a * wide + (b * square + c * square @ square) @ wide
    return wide.mT if tall else wide


def _by_shape(matrices: Iterable[torch.nn.Parameter]) -> Iterator[dict[str, Any]]:
    ordered = sorted(matrices, key=lambda matrix: tuple(matrix.shape))
    for _, same in groupby(ordered, key=lambda matrix: tuple(matrix.shape)):
        yield {"params": list(same)}
