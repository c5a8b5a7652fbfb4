"""The nonlinearity of a feed-forward block: one projection's, or one that gates another (Shazeer 2020)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from sgl.config.model import Activation
from sgl.weights.slot import Slot

CLAMP_LIMIT: Final = 7.0
CLAMP_SLOPE: Final = 1.702
"""GPT-OSS's clamped SwiGLU (openai/gpt-oss, ``torch/model.py``)."""

VECTORS: Final = 64
"""Elements that torch's loops take at a time: two vectors of 512 bits of bfloat16, or four of float32."""
SHARED_FROM: Final = 32768
"""Elements from which threads share a tensor (``at::internal::GRAIN_SIZE``)."""

Nonlinearity = Callable[[Tensor], Tensor]
"""[tokens, width] -> [tokens, inner]"""

_PLAIN: Final[dict[Activation, Nonlinearity]] = {
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
}


class Nonlinear:
    """The layer between the two projections; it has no weights.

    Args:
        gated: See `nonlinearity`.
    """

    def __init__(self, activation: Activation, *, gated: bool) -> None:
        self._apply = nonlinearity(activation, gated=gated)

    def forward(self, x: Tensor) -> Tensor:
        """[tokens, width] -> [tokens, inner]."""
        return self._apply(x)

    def slots(self) -> Iterator[Slot]:
        """None."""
        return iter(())

    def finish(self, deterministic: bool) -> None:
        """Sees to it that a row has the same bits in every batch, if asked to."""
        if deterministic:
            self._apply = in_like_calls(self._apply)

    def weight_bytes(self) -> int:
        """None."""
        return 0


def in_like_calls(apply: Nonlinearity) -> Nonlinearity:
    """``apply``, rows of whose results have the same bits whatever rows come with them.

    torch computes whole vectors with one approximation of exp, tanh and erf, and the elements that are left at the end
    of a tensor, or of a thread's share of it, with another one. So a call never has enough elements to be shared out,
    and where a row is no whole number of vectors it comes alone.
    """

    def alike(x: Tensor) -> Tensor:
        whole = x.shape[-1] % (2 * VECTORS) == 0
        count = max(1, SHARED_FROM // x.shape[-1]) if whole else 1
        return apply(x) if len(x) <= count else torch.cat([apply(part) for part in x.split(count)])

    return alike


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
