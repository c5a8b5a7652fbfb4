"""Twin of `sgl.kernels.triton.argmax`."""

from __future__ import annotations

import torch
from torch import Tensor


def greedy(logits: Tensor) -> tuple[Tensor, Tensor]:
    """See `sgl.kernels.triton.argmax.greedy`."""
    wide = logits.float()
    finite = torch.isfinite(wide.amax(-1))
    tokens = [row.tolist().index(max(row.tolist())) if ok else 0 for row, ok in zip(wide, finite, strict=True)]
    return torch.tensor(tokens), finite
