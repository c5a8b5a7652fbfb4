"""Twin of `sgl.kernels.triton.align`."""

from __future__ import annotations

import torch
from torch import Tensor


def align(chosen: Tensor, experts: int, block: int) -> tuple[Tensor, Tensor]:
    """The parts of `sgl.kernels.triton.align.Aligned` in use: order int32 [places], expert_of_block int32 [blocks]."""
    numbers = chosen.flatten().tolist()
    order: list[int] = []
    owners: list[int] = []
    for expert in range(experts):
        own = [pair for pair, number in enumerate(numbers) if number == expert]
        blocks = -(-len(own) // block)
        order += own + [len(numbers)] * (blocks * block - len(own))
        owners += [expert] * blocks
    return torch.tensor(order, dtype=torch.int32), torch.tensor(owners, dtype=torch.int32)
