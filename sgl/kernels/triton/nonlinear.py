"""The nonlinearities of feed-forward blocks inside kernels, in float32, with what exists in the interpreter too."""

from __future__ import annotations

from typing import Final

import triton
import triton.language as tl

from sgl.kernels.epilogue import Epilogue

CLAMP_LIMIT: Final = tl.constexpr(7.0)
CLAMP_SLOPE: Final = tl.constexpr(1.702)
"""As in `sgl.layers.activation`."""
_HALF_ROOT: Final = tl.constexpr(0.7071067811865476)
_TANH_SLOPE: Final = tl.constexpr(1.5957691216057308)
"""``2 * sqrt(2 / pi)``"""
_TANH_CUBE: Final = tl.constexpr(0.044715)


@triton.jit
def sigmoid(x: tl.tensor) -> tl.tensor:
    """``1 / (1 + exp(-x))``; the exponential never overflows, of which the interpreter would warn."""
    shrunk = tl.exp(-tl.abs(x))
    return tl.where(x < 0, shrunk, 1.0) / (1.0 + shrunk)


@triton.jit
def nonlinear(x: tl.tensor, ACTIVATION: tl.constexpr) -> tl.tensor:
    """One input's: ``silu``, ``gelu`` or ``gelu_tanh``."""
    if ACTIVATION == "silu":
        return x * sigmoid(x)
    elif ACTIVATION == "gelu":
        return 0.5 * x * (1.0 + tl.math.erf(x * _HALF_ROOT))
    else:
        tl.static_assert(ACTIVATION == "gelu_tanh")
        # (1 + tanh(y)) / 2 is sigmoid(2 y), which loses nothing where the tanh is near -1.
        return x * sigmoid((x + x * x * x * _TANH_CUBE) * _TANH_SLOPE)


@triton.jit
def clamped_silu(gate: tl.tensor, linear: tl.tensor) -> tl.tensor:
    """GPT-OSS's. Clamps by comparison, which NaN passes: a minimum would take it away."""
    gate = tl.where(gate > CLAMP_LIMIT, CLAMP_LIMIT, gate)
    linear = tl.where(linear > CLAMP_LIMIT, CLAMP_LIMIT, linear)
    linear = tl.where(linear < -CLAMP_LIMIT, -CLAMP_LIMIT, linear)
    return gate * sigmoid(gate * CLAMP_SLOPE) * (linear + 1.0)


@triton.jit
def feed(
    row: tl.tensor,
    start: tl.tensor,
    inner: tl.tensor,
    ACTIVATION: tl.constexpr,
    GATED: tl.constexpr,
    BLOCK: tl.constexpr,
) -> tl.tensor:
    """What a feed-forward block multiplies by its second weight: float32 [BLOCK], 0 from ``inner`` on.

    Args:
        row: Points to a row of the first product: [inner], or [2 * inner] if gated.
        start: First of the results that are wanted.
        ACTIVATION: None leaves the row as it is.
        GATED: The first half, activated, multiplies the second; for ``clamped_silu`` both alternate.
    """
    if ACTIVATION == "clamped_silu":
        # Both parts of a result lie side by side: loaded together, 16 bytes at a time, and parted afterwards.
        both = 2 * start + tl.arange(0, 2 * BLOCK)
        pairs = tl.load(row + both, mask=both < 2 * inner, other=0.0).to(tl.float32)
        gate, linear = tl.split(tl.reshape(pairs, (BLOCK, 2)))
        return clamped_silu(gate, linear)
    else:
        columns = start + tl.arange(0, BLOCK)
        inside = columns < inner
        x = tl.load(row + columns, mask=inside, other=0.0).to(tl.float32)
        if ACTIVATION is not None:
            x = nonlinear(x, ACTIVATION)
            if GATED:
                x *= tl.load(row + inner + columns, mask=inside, other=0.0).to(tl.float32)
        return x


@triton.jit
def paired(place: tl.tensor, outputs: tl.tensor, ACTIVATION: tl.constexpr, GATED: tl.constexpr) -> tl.tensor:
    """Which output of a product to compute at a place, so that `feed_sums` finds a gate and its linear part together.

    Args:
        place: Of 0 .. outputs - 1.
        outputs: Of the product, gates and linear parts.
        ACTIVATION: None, and anything without GATED: every output is at its own place.
    """
    if GATED and ACTIVATION != "clamped_silu":
        return place // 2 + place % 2 * (outputs // 2)
    else:
        return place


@triton.jit
def feed_sums(sums: tl.tensor, ACTIVATION: tl.constexpr, GATED: tl.constexpr) -> tl.tensor:
    """What a feed-forward block multiplies by its second weight.

    Args:
        sums: float32 [outputs, rows]; with GATED, gates and linear parts alternate.

    Returns:
        float32 [outputs, rows], or [outputs / 2, rows].
    """
    if GATED:
        pairs = tl.reshape(sums, (sums.shape[0] // 2, 2, sums.shape[1]))
        gate, linear = tl.split(tl.permute(pairs, (0, 2, 1)))
        if ACTIVATION == "clamped_silu":
            return clamped_silu(gate, linear)
        else:
            return nonlinear(gate, ACTIVATION) * linear
    else:
        return nonlinear(sums, ACTIVATION)


def epilogue_constants(epilogue: Epilogue | None) -> dict[str, object]:
    """As kernels with `paired` and `feed_sums` take it."""
    if epilogue is None:
        return {"ACTIVATION": None, "GATED": False}
    return {"ACTIVATION": epilogue.activation, "GATED": epilogue.gated}
