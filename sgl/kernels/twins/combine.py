"""Twin of `sgl.kernels.triton.combine`."""

from __future__ import annotations

import torch
from torch import Tensor


def combine(results: Tensor, weights: Tensor, chosen: Tensor) -> Tensor:
    """float32 [tokens, hidden_size]: weighted results, added in the order of the experts' numbers."""
    summed = torch.zeros(len(chosen), results.shape[1])
    by_token = results.float().view(*chosen.shape, -1)
    for token, numbers in enumerate(chosen.tolist()):
        for choice in sorted(range(len(numbers)), key=numbers.__getitem__):
            if numbers[choice] >= 0:
                summed[token] += by_token[token, choice] * weights[token, choice]
    return summed
