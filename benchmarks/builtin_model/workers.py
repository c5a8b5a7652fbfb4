"""Worker processes that train one model together: each computes gradients, all apply their mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import distributed


@dataclass(frozen=True, slots=True)
class Workers:
    """This worker's number, from 0, and how many there are."""

    rank: int
    count: int

    @torch.no_grad()
    def agree(self, parameters: Iterable[torch.nn.Parameter], *numbers: float) -> list[float]:
        """Replaces gradients by their mean over all workers; returns the mean of the ``numbers``.

        Every worker must pass parameters of the same shapes and as many numbers; it waits for the others.
        """
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        together = torch.cat([*(gradient.flatten() for gradient in gradients), torch.tensor(numbers)])
        distributed.all_reduce(together)
        together /= self.count
        *parts, means = together.split([*(gradient.numel() for gradient in gradients), len(numbers)])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))
        return means.tolist()
