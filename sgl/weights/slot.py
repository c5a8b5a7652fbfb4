"""`Slot`: a place for one tensor of a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Slot:
    """A name, and the view of a parameter that the tensor of this name fills.

    The loader converts floating-point types into the target's. An integer target takes only its own type: what it
    holds is codes.
    """

    name: str
    target: Tensor


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and in which type new parameters are made."""

    dtype: torch.dtype
    device: torch.device

    def empty(self, *shape: int) -> Tensor:
        """An uninitialised parameter."""
        return torch.empty(shape, dtype=self.dtype, device=self.device)


def size_of(*tensors: Tensor | None) -> int:
    """Bytes of the given tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)
