"""8-bit codes of a KV cache inside kernels: `sgl.kvcache.codec`, whose bits these functions give and take.

They are called by kernels and have no launcher of their own. FP8 is made and read with whole-number arithmetic, so that
GPUs without its conversions (before capability 89) compute the same.
"""

from __future__ import annotations

from typing import Final

import triton
import triton.language as tl

from sgl.config.kv import KvStorage

PLAIN: Final = 0
INT8: Final = 1
FP8: Final = 2
"""Values of the constexpr argument STORAGE: as computed in, or a kind of codes."""

INT8_LARGEST: Final = tl.constexpr(127.0)
FP8_LARGEST: Final = tl.constexpr(448.0)
FP16_PER_FP8: Final = tl.constexpr(256.0)
TINY: Final = tl.constexpr(1.1754943508222875e-38)
"""The smallest normal float32: what a head of zeros is divided by."""
TO_WHOLE: Final = tl.constexpr(12582912.0)
TO_WHOLE_BITS: Final = tl.constexpr(0x4B400000)
"""1.5 * 2**23 and its bits: a float32 this large has steps of 1, so adding it rounds to the nearest, ties to even."""
TO_512TH: Final = tl.constexpr(16384.0)
TO_512TH_BITS: Final = tl.constexpr(0x46800000)
"""2**14 has steps of 2**-9, which is the step of E4M3 below its smallest normal number, 2**-6."""
FP8_NORMAL: Final = tl.constexpr(0.015625)
FP8_BIAS: Final = tl.constexpr(120 << 3)
"""The exponent's bias is 127 in float32 and 7 in E4M3, whose exponent stands above 3 bits."""


def storage_code(storage: KvStorage | None) -> int:
    """The value of STORAGE for a pool's type; None is the type that is computed in."""
    return {None: PLAIN, "int8": INT8, "fp8_e4m3": FP8}[storage]


@triton.jit
def decode(codes: tl.tensor, STORAGE: tl.constexpr) -> tl.tensor:
    """int8 codes -> float32 numbers that their multipliers scale; bfloat16 and float16 hold them exactly, too."""
    if STORAGE == 2:
        # s eeee mmm becomes float16's s 0 eeee mmm 0000000: the product doubles the sign, and the mask takes one.
        bits = (codes.to(tl.int16) * 128) & -0x4001
        return bits.to(tl.float16, bitcast=True).to(tl.float32)
    else:
        return codes.to(tl.float32)


@triton.jit
def multiplier(values: tl.tensor, STORAGE: tl.constexpr) -> tl.tensor:
    """What `encode` divides float32 ``values`` [n] by: their largest magnitude over the codes' largest number.

    NaN where any of them is: a maximum alone would pass over it on a GPU.
    """
    poisoned = tl.max((values != values).to(tl.int32), axis=0) > 0
    largest = tl.max(tl.abs(values), axis=0)
    unit = tl.div_rn(largest, FP8_LARGEST if STORAGE == 2 else INT8_LARGEST)
    return tl.where(poisoned, float("nan"), unit)


@triton.jit
def stored_multiplier(unit: tl.tensor, STORAGE: tl.constexpr) -> tl.tensor:
    """What is written beside the codes: the unit, and for FP8 what makes up for the exponent's other bias."""
    if STORAGE == 2:
        return unit * FP16_PER_FP8
    else:
        return unit


@triton.jit
def encode(values: tl.tensor, unit: tl.tensor, STORAGE: tl.constexpr) -> tl.tensor:
    """float32 values and their `multiplier` -> int8 codes, rounded to the nearest, ties to even."""
    units = tl.div_rn(values, tl.maximum(unit, TINY) + tl.zeros_like(values))
    if STORAGE == 2:
        size = tl.minimum(tl.abs(units), FP8_LARGEST)
        bits = size.to(tl.int32, bitcast=True)
        normal = ((bits + 0x7FFFF + ((bits >> 20) & 1)) >> 20) - FP8_BIAS
        small = (size + TO_512TH).to(tl.int32, bitcast=True) - TO_512TH_BITS
        code = tl.where(size < FP8_NORMAL, small, normal)
        sign = (units.to(tl.int32, bitcast=True) >> 24) & 0x80
        return (code | sign).to(tl.int8)
    else:
        return ((units + TO_WHOLE).to(tl.int32, bitcast=True) - TO_WHOLE_BITS).to(tl.int8)
