"""Twin of `sgl.kernels.triton.expert_matmul`."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

SCALE_BLOCK: Final = 128


def expert_weights(weight: Tensor, scale: Tensor | None = None) -> Tensor:
    """float32 [experts, outputs, inputs] of codes and their scales, by output or by block of 128 x 128."""
    wide = weight.float()
    if scale is None:
        return wide
    if scale.ndim == 2:
        return wide * scale.unsqueeze(-1)
    by_input = scale.repeat_interleave(SCALE_BLOCK, dim=1).repeat_interleave(SCALE_BLOCK, dim=2)
    return wide * by_input[:, : weight.shape[1], : weight.shape[2]]


def expert_matmul(
    x: Tensor, weight: Tensor, numbers: Tensor, *, scale: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """float32 [pairs, outputs]: each row of ``x`` [pairs, inputs] by the weight of its expert, ``numbers`` [pairs].

    A row whose number is negative is 0.
    """
    weights = expert_weights(weight, scale)
    out = torch.zeros(len(x), weight.shape[1])
    for row, number in enumerate(numbers.tolist()):
        if number >= 0:
            out[row] = weights[number] @ x[row].float()
            if bias is not None:
                out[row] += bias[number].float()
    return out
