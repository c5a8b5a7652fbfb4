"""The nonlinearity of a feed-forward block: one projection's, or one that gates another (Shazeer 2020)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from sgl.config.model import Activation

CLAMP_LIMIT: Final = 7.0
CLAMP_SLOPE: Final = 1.702
"""GPT-OSS's clamped SwiGLU (openai/gpt-oss, ``torch/model.py``)."""

Nonlinearity = Callable[[Tensor], Tensor]
"""[tokens, width] -> [tokens, inner]"""

_PLAIN: Final[dict[Activation, Nonlinearity]] = {
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
}


def nonlinearity(activation: Activation, *, gated: bool) -> Nonlinearity:
    """What stands between the two projections.

    Args:
        gated: The first half of the width, activated, multiplies the second; ``clamped_silu`` is always gated.
    """
    if activation == "clamped_silu":
        return clamped_swiglu
    plain = _PLAIN[activation]
    if not gated:
        return plain

    def apply(x: Tensor) -> Tensor:
        half = x.shape[-1] // 2
        return plain(x[..., :half]).mul_(x[..., half:])

    return apply


def clamped_swiglu(x: Tensor) -> Tensor:
    """GPT-OSS's: gate and linear part alternate, both are clamped, and the linear part gets 1 more."""
    gate, linear = x[..., 0::2], x[..., 1::2]
    gate = gate.clamp(max=CLAMP_LIMIT)
    linear = linear.clamp(-CLAMP_LIMIT, CLAMP_LIMIT)
    return gate * torch.sigmoid(CLAMP_SLOPE * gate) * (linear + 1)
