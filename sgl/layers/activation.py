"""The nonlinearity of a feed-forward block: one projection's, or one that gates another (Shazeer 2020)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from sgl.config.model import Activation
from sgl.kernels.epilogue import Epilogue
from sgl.kernels.fused import FusedKernels
from sgl.weights.slot import Slot

CLAMP_LIMIT: Final = 7.0
CLAMP_SLOPE: Final = 1.702
"""GPT-OSS's clamped SwiGLU (openai/gpt-oss, ``torch/model.py``)."""

VECTORS: Final = 64
"""Elements that torch's loops take at a time: two vectors of 512 bits of bfloat16, or four of float32."""
ALONE_UP_TO: Final = 16384
"""Elements of a tensor that threads never share (``GELU_MIN_ELEMENTS_FOR_MULTI_THREADING``, the smallest bound)."""

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
        fused: A GPU's kernels, or None.

    Attributes:
        epilogue: The same, for a product that computes both.
    """

    def __init__(self, activation: Activation, *, gated: bool, fused: FusedKernels | None = None) -> None:
        self.epilogue = Epilogue(activation, gated)
        self._fused = fused
        self._apply = nonlinearity(activation, gated=gated)

    def forward(self, x: Tensor) -> Tensor:
        """[tokens, width] -> [tokens, inner]."""
        if self._fused is not None:
            return self._fused.nonlinearity(x, self.epilogue.activation, gated=self.epilogue.gated)
        return self._apply(x)

    def slots(self) -> Iterator[Slot]:
        """None."""
        return iter(())

    def finish(self, deterministic: bool) -> None:
        """Sees to it that a row has the same bits in every batch, if asked to."""
        activation, gated = self.epilogue.activation, self.epilogue.gated
        self._apply = nonlinearity(activation, gated=gated, deterministic=deterministic)

    def weight_bytes(self) -> int:
        """None."""
        return 0


def nonlinearity(activation: Activation, *, gated: bool, deterministic: bool = False) -> Nonlinearity:
    """What stands between the two projections.

    Args:
        gated: The first half of the width, activated, multiplies the second; ``clamped_silu`` is always gated.
        deterministic: A row has the same bits in every batch.
    """
    if activation == "clamped_silu":
        return partial(clamped_swiglu, sigmoid=in_like_calls(torch.sigmoid)) if deterministic else clamped_swiglu
    plain = in_like_calls(_PLAIN[activation]) if deterministic else _PLAIN[activation]
    if not gated:
        return plain

    def apply(x: Tensor) -> Tensor:
        half = x.shape[-1] // 2
        return plain(x[..., :half]).mul_(x[..., half:])

    return apply


def clamped_swiglu(x: Tensor, sigmoid: Nonlinearity = torch.sigmoid) -> Tensor:
    """GPT-OSS's: gate and linear part alternate, both are clamped, and the linear part gets 1 more."""
    gate, linear = x[..., 0::2], x[..., 1::2]
    gate = gate.clamp(max=CLAMP_LIMIT)
    linear = linear.clamp(-CLAMP_LIMIT, CLAMP_LIMIT)
    return gate * sigmoid(CLAMP_SLOPE * gate) * (linear + 1)


def in_like_calls(apply: Nonlinearity) -> Nonlinearity:
    """``apply``, an elementwise function, with the same bits for a row whatever rows come with it.

    torch computes whole vectors with one approximation of exp, tanh and erf, and the elements that are left at the end
    of a tensor, or of a thread's share of it, with another one. So no call has enough elements to be shared out, rows
    that are no whole number of vectors come alone, and all lie side by side (others take other ways).
    """

    def alike(x: Tensor) -> Tensor:
        width = x.shape[-1]
        count = max(1, ALONE_UP_TO // width) if width % VECTORS == 0 else 1
        parts = [apply(part) for part in torch.split(x.contiguous(), count)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    return alike
