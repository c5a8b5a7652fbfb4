"""What the kernels of the sampler share: a token's integer weight, and floats as integers that sort alike."""

from __future__ import annotations

from typing import Final

import triton
import triton.language as tl

from sgl.kernels.triton.mode import INTERPRETED

WAYS_LOG2: Final = 4 if INTERPRETED else 2
"""Ways a search parts at each step. More are fewer waits of threads for each other, which the interpreter has not, and
more sums."""


@triton.jit
def weigh(logits: tl.tensor, best: tl.tensor, temperature: tl.tensor) -> tl.tensor:
    """``floor(2**40 * exp((logits - best) / temperature))`` as int64; `sgl.sampling` says why these are integers.

    The exponential function of a GPU rounds otherwise than that of a CPU, by a few units in the last place of a
    float32. That is the one place where the two may come to different tokens. All kernels compute weights here, so
    that a logit weighs the same in each.
    """
    exponent = tl.div_rn(logits - best, temperature)
    return (tl.exp(exponent) * 1099511627776.0).to(tl.int64)


@triton.jit
def order_key(values: tl.tensor) -> tl.tensor:
    """float32, no NaN, to int32 that compare as the floats do; 0.0 and -0.0 have one key.

    A negative float has the sign bit set and grows downwards, so its other bits are flipped.
    """
    bits = values.to(tl.int32, bitcast=True)
    return tl.where(values == 0.0, 0, bits ^ ((bits >> 31) & 0x7FFFFFFF))


@triton.jit
def highest_key(
    keys: tl.tensor, masses: tl.tensor, need: tl.tensor, STEPS: tl.constexpr, WAYS_LOG2: tl.constexpr
) -> tl.tensor:
    """The largest t, a multiple of ``2**(32 - STEPS * WAYS_LOG2)``, with ``sum(masses[keys >= t]) >= need``, as int32.

    Keys [N] are int32 and masses [N] not negative. t is built from its top bits down, so nothing is sorted. Where all
    masses together are less than ``need``, t is the smallest int32.
    """
    ways: tl.constexpr = 1 << WAYS_LOG2
    found = tl.full([], -2147483648, tl.int64)
    step = tl.full([], 1 << (32 - WAYS_LOG2), tl.int64)
    for _ in range(STEPS):
        tried = (found + step * tl.arange(0, ways)).to(tl.int32)
        mass = tl.sum(tl.where(keys[None, :] >= tried[:, None], masses[None, :], 0), 1)
        # Masses fall from one way to the next, so those that do are the first ones.
        reached = tl.sum((mass >= need).to(tl.int64), 0)
        found += step * tl.maximum(reached - 1, 0)
        step = step >> WAYS_LOG2
    return found.to(tl.int32)


@triton.jit
def column_of(columns: tl.tensor, weights: tl.tensor, mark: tl.tensor, WAYS_LOG2: tl.constexpr) -> tl.tensor:
    """The first column, in rising order, whose running weight exceeds ``mark``, as int64; [N] come in any order.

    It is the largest number before which columns weigh no more than the mark, below 2**24.
    """
    ways: tl.constexpr = 1 << WAYS_LOG2
    found = tl.full([], 0, tl.int64)
    step = tl.full([], 1 << (24 - WAYS_LOG2), tl.int64)
    for _ in range(24 // WAYS_LOG2):
        tried = (found + step * tl.arange(0, ways)).to(tl.int32)
        before = tl.sum(tl.where(columns[None, :] < tried[:, None], weights[None, :], 0), 1)
        found += step * (tl.sum((before <= mark).to(tl.int64), 0) - 1)
        step = step >> WAYS_LOG2
    return found


@triton.jit
def share(top_p: tl.tensor, mass: tl.tensor) -> tl.tensor:
    """``ceil(top_p * mass)`` in 1..mass: the least weight that top_p keeps (int64 scalar); top_p is float64."""
    part = tl.ceil(mass.to(tl.float64) * top_p).to(tl.int64)
    part = tl.minimum(tl.maximum(part, 1), mass)
    return tl.where(top_p < 1.0, part, mass)
