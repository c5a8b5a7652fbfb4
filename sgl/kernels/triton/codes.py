"""8-bit codes of activations inside kernels: one scale for all that is rounded together, which products multiply by.

Other than in a KV cache (`sgl.kernels.triton.codec`), values are multiplied by the scale's inverse: a division that is
rounded exactly is a dozen instructions for each of them. A tie may so fall to the other side.
"""

from __future__ import annotations

from typing import Final

import triton
import triton.language as tl

from sgl.kernels.triton.codec import TO_WHOLE, TO_WHOLE_BITS, encode

LEAST: Final = tl.constexpr(1e-30)
"""What is smaller in all of its elements becomes zeros. With it scale and inverse are finite, normal numbers."""
_FP8_LARGEST: Final = tl.constexpr(448.0)
_INT8_LARGEST: Final = tl.constexpr(127.0)
_FP8: Final = tl.constexpr(2)
"""`sgl.kernels.triton.codec.FP8`"""


@triton.jit
def magnitude(x: tl.tensor) -> tl.tensor:
    """``|x|``, and infinity for NaN, over which a maximum would pass: a scale of what is not finite is not, either."""
    return tl.where(x == x, tl.abs(x), float("inf"))


@triton.jit
def scale_of(largest: tl.tensor, FP8: tl.constexpr) -> tl.tensor:
    """What codes of values of up to ``largest`` are multiplied by to have the values again."""
    if FP8:
        return tl.div_rn(tl.maximum(largest, LEAST), _FP8_LARGEST)
    else:
        return tl.div_rn(tl.maximum(largest, LEAST), _INT8_LARGEST)


@triton.jit
def inverse_of(largest: tl.tensor, FP8: tl.constexpr) -> tl.tensor:
    """What values of up to ``largest`` are multiplied by before they are rounded."""
    if FP8:
        return tl.div_rn(tl.zeros_like(largest) + _FP8_LARGEST, tl.maximum(largest, LEAST))
    else:
        return tl.div_rn(tl.zeros_like(largest) + _INT8_LARGEST, tl.maximum(largest, LEAST))


@triton.jit
def rounded(units: tl.tensor, FP8: tl.constexpr, CONVERTS: tl.constexpr) -> tl.tensor:
    """int8: E4M3's bits or whole numbers, the nearest ones, ties to even; beyond the largest number comes the largest.

    With CONVERTS the GPU makes FP8, from compute capability 89 on. Whole-number arithmetic does it in Triton's
    interpreter, whose own conversion rounds all ties up and loses carries (3.9).
    """
    if FP8:
        if CONVERTS:
            return units.to(tl.float8e4nv).to(tl.int8, bitcast=True)
        else:
            return encode(units, tl.full((1,), 1.0, tl.float32), _FP8)
    else:
        return ((units + TO_WHOLE).to(tl.int32, bitcast=True) - TO_WHOLE_BITS).to(tl.int8)
