"""Twin of `sgl.kernels.triton.activation`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import torch.nn.functional as F
from torch import Tensor

from sgl.config.model import Activation
from sgl.kernels.twins.quantize import per_token_fp8

_PLAIN: Final[dict[Activation, Callable[[Tensor], Tensor]]] = {
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
}


def activated(x: Tensor, activation: Activation) -> Tensor:
    """See `sgl.kernels.triton.activation.activated`."""
    return _PLAIN[activation](x.float()).to(x.dtype)


def gated(x: Tensor, activation: Activation) -> Tensor:
    """See `sgl.kernels.triton.activation.gated`."""
    wide = x.float()
    if activation == "clamped_silu":
        gate, linear = wide[:, 0::2].clamp(max=7.0), wide[:, 1::2].clamp(-7.0, 7.0)
        return (gate * (1.702 * gate).sigmoid() * (linear + 1)).to(x.dtype)
    gate, linear = wide.chunk(2, dim=-1)
    return (_PLAIN[activation](gate) * linear).to(x.dtype)


def gated_fp8(x: Tensor, activation: Activation) -> tuple[Tensor, Tensor]:
    """See `sgl.kernels.triton.activation.gated_fp8`."""
    return per_token_fp8(gated(x, activation))
