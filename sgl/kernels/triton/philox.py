"""Philox4x32-10 and the mark of a draw, on the device; `sgl.sampling.philox` names the source.

Everything is uint64 that holds 32-bit words: a product of two words fits, and nothing wraps around.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def random_bits(seed: tl.tensor, position: tl.tensor) -> tl.tensor:
    """64 uniform bits (uint64) of key ``seed`` and counter ``(position, 0)``, both int64, any shape."""
    mask = 0xFFFFFFFF
    seed = seed.to(tl.uint64, bitcast=True)
    position = position.to(tl.uint64, bitcast=True)
    key_low = seed & mask
    key_high = seed >> 32
    first = position & mask
    mixed_first = position >> 32
    second = first ^ first
    mixed_second = second
    for _ in range(10):
        product_first = first * 0xD2511F53
        product_second = second * 0xCD9E8D57
        first = (product_second >> 32) ^ mixed_first ^ key_low
        second = (product_first >> 32) ^ mixed_second ^ key_high
        mixed_first = product_second & mask
        mixed_second = product_first & mask
        key_low = (key_low + 0x9E3779B9) & mask
        key_high = (key_high + 0xBB67AE85) & mask
    return first | (mixed_first << 32)


@triton.jit
def draw_mark(bits: tl.tensor, total: tl.tensor) -> tl.tensor:
    """``floor(bits * total / 2**64)`` as int64: uniform in 0..total - 1, from uint64 bits and an int64 total.

    The product has 128 bits, so it is made of four products of 32-bit limbs.
    """
    mask = 0xFFFFFFFF
    total = total.to(tl.uint64, bitcast=True)
    low = (bits & mask) * (total & mask)
    cross = (bits >> 32) * (total & mask)
    other = (bits & mask) * (total >> 32)
    middle = (low >> 32) + (cross & mask) + (other & mask)
    high = (bits >> 32) * (total >> 32) + (cross >> 32) + (other >> 32) + (middle >> 32)
    return high.to(tl.int64, bitcast=True)
