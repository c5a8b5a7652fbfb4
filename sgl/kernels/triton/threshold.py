"""Draws from rows whose kept set the candidates of `draw` do not decide: flat distributions, a large top_k, many ties.

One program a row goes over all logits, about twelve times for a top_p and sixteen for a top_k; every other row's
program ends at once. The bounds are found by search over order keys, in four parts each time over, so any
distribution, constant ones included, takes the same few passes. Not run on a GPU.
"""

from __future__ import annotations

from typing import Final

import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.triton.mass import order_key, share, weigh
from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.philox import draw_mark, random_bits
from sgl.kernels.triton.variant import Variant

BLOCK: Final = 4096
"""Logits that a program holds at a time."""


@triton.jit
def _kept_weights(
    logits: tl.tensor,
    start: tl.tensor,
    vocabulary: tl.tensor,
    best: tl.tensor,
    temperature: tl.tensor,
    lowest: tl.tensor,
    BLOCK: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor]:
    """Order keys [BLOCK] from column ``start`` on, and the weights of those that are at least ``lowest``, else 0."""
    columns = start + tl.arange(0, BLOCK)
    found = tl.load(logits + columns, mask=columns < vocabulary, other=-float("inf")).to(tl.float32)
    keys = order_key(found)
    return keys, tl.where(keys >= lowest.to(tl.int32), weigh(found, best, temperature), 0)


@triton.jit
def _bound(
    logits: tl.tensor,
    vocabulary: tl.tensor,
    best: tl.tensor,
    temperature: tl.tensor,
    lowest: tl.tensor,
    need: tl.tensor,
    low: tl.tensor,
    high: tl.tensor,
    COUNT: tl.constexpr,
    BLOCK: tl.constexpr,
) -> tl.tensor:
    """The largest key t in ``low``..``high`` (int64) such that keys from t on have the mass ``need`` together.

    ``low`` must have it. Masses are weights of keys from ``lowest`` on, or 1 each when COUNT.
    """
    while low < high:
        step = (high - low + 3) // 4
        first = low + step
        second = tl.minimum(first + step, high)
        third = tl.minimum(second + step, high)
        above_first = tl.zeros([BLOCK], tl.int64)
        above_second = tl.zeros([BLOCK], tl.int64)
        above_third = tl.zeros([BLOCK], tl.int64)
        for start in range(0, vocabulary, BLOCK):
            keys, masses = _kept_weights(logits, start, vocabulary, best, temperature, lowest, BLOCK)
            if COUNT:
                masses = (start + tl.arange(0, BLOCK) < vocabulary).to(tl.int64)
            above_first += tl.where(keys >= first.to(tl.int32), masses, 0)
            above_second += tl.where(keys >= second.to(tl.int32), masses, 0)
            above_third += tl.where(keys >= third.to(tl.int32), masses, 0)
        has_first = tl.sum(above_first, 0) >= need
        has_second = tl.sum(above_second, 0) >= need
        has_third = tl.sum(above_third, 0) >= need
        low = tl.where(has_third, third, tl.where(has_second, second, tl.where(has_first, first, low)))
        below = tl.where(has_second, third - 1, tl.where(has_first, second - 1, first - 1))
        high = tl.where(has_third, high, below)
    return low


@triton.jit
def _mass(
    logits: tl.tensor,
    vocabulary: tl.tensor,
    best: tl.tensor,
    temperature: tl.tensor,
    lowest: tl.tensor,
    least: tl.tensor,
    BLOCK: tl.constexpr,
) -> tl.tensor:
    """Weight of all tokens with keys from ``lowest`` on that weigh at least ``least``."""
    together = tl.zeros([BLOCK], tl.int64)
    for start in range(0, vocabulary, BLOCK):
        _, weights = _kept_weights(logits, start, vocabulary, best, temperature, lowest, BLOCK)
        together += tl.where(weights >= least, weights, 0)
    return tl.sum(together, 0)


@triton.jit
def _draw_beyond_kernel(
    logits: tl.tensor,
    row_stride: tl.tensor,
    vocabulary: tl.tensor,
    best: tl.tensor,
    temperature: tl.tensor,
    top_k: tl.tensor,
    top_p: tl.tensor,
    min_weight: tl.tensor,
    seeds: tl.tensor,
    positions: tl.tensor,
    undecided: tl.tensor,
    tokens: tl.tensor,
    BLOCK: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    """Program (row)."""
    await_inputs(DEPENDENT)
    release_dependents(DEPENDENT)
    row = tl.program_id(0).to(tl.int64)
    if tl.load(undecided + row) > 0:
        logits += row * row_stride
        peak = tl.load(best + row)
        warmth = tl.load(temperature + row)
        most = tl.load(top_k + row)
        least = tl.load(min_weight + row)
        highest = order_key(peak).to(tl.int64)
        # Order key of -inf: what lies below it is no number.
        lowest = tl.full([], -2139095041, tl.int64)
        if most < vocabulary:
            lowest = _bound(logits, vocabulary, peak, warmth, lowest, most, lowest, highest, True, BLOCK)
        need = share(tl.load(top_p + row), _mass(logits, vocabulary, peak, warmth, lowest, 1, BLOCK))
        # Nothing that is 28 temperatures below the best one weighs anything: 2**40 < e**28.
        reach = tl.where(warmth < 1e30, peak - 28.0 * tl.minimum(warmth, 1e30), -float("inf"))
        low = tl.maximum(lowest, order_key(reach).to(tl.int64))
        lowest = _bound(logits, vocabulary, peak, warmth, lowest, need, low, highest, False, BLOCK)
        mark = draw_mark(
            random_bits(tl.load(seeds + row), tl.load(positions + row)),
            _mass(logits, vocabulary, peak, warmth, lowest, least, BLOCK),
        )
        token = tl.full([], 0, tl.int64)
        before = tl.full([], 0, tl.int64)
        for start in range(0, vocabulary, BLOCK):
            _, weights = _kept_weights(logits, start, vocabulary, peak, warmth, lowest, BLOCK)
            weights = tl.where(weights >= least, weights, 0)
            # Running sums do not fall, so the tokens whose sum does not pass the mark are those before the drawn one.
            token += tl.sum((before + tl.cumsum(weights, 0) <= mark).to(tl.int64), 0)
            before += tl.sum(weights, 0)
        tl.store(tokens + row, token)


def draw_beyond(
    logits: Tensor,
    best: Tensor,
    temperature: Tensor,
    top_k: Tensor,
    top_p: Tensor,
    min_weight: Tensor,
    seeds: Tensor,
    positions: Tensor,
    undecided: Tensor,
    tokens: Tensor,
    *,
    dependent: bool = False,
) -> None:
    """Writes ``tokens`` (int64 [B]) of the rows whose ``undecided`` (int32 [B]) is not 0.

    ``best`` is float32 [B], the largest logits, finite in these rows; everything else is as for `draw.sample`.
    """
    rows, vocabulary = logits.shape
    early = starts_early(logits.device, dependent)
    if rows:
        _draw_beyond_kernel[(rows,)](
            logits,
            logits.stride(0),
            vocabulary,
            best,
            temperature,
            top_k,
            top_p,
            min_weight,
            seeds,
            positions,
            undecided,
            tokens,
            BLOCK=min(BLOCK, max(16, triton.next_power_of_2(vocabulary))),
            DEPENDENT=early,
            num_warps=16,
            launch_pdl=early,
        )


VARIANTS: Final = tuple(
    Variant(
        name=f"draw_beyond {name}",
        kernel=_draw_beyond_kernel,
        signature={
            "logits": pointer,
            "row_stride": "i32",
            "vocabulary": "i32",
            "best": "*fp32",
            "temperature": "*fp32",
            "top_k": "*i64",
            "top_p": "*fp64",
            "min_weight": "*i64",
            "seeds": "*i64",
            "positions": "*i64",
            "undecided": "*i32",
            "tokens": "*i64",
        },
        constants={"BLOCK": BLOCK, "DEPENDENT": True},
        divisible=("row_stride", "vocabulary"),
        warps=16,
        dependent=True,
        registers=128,
        wide_loads=True,
    )
    for name, pointer in (("bf16", "*bf16"), ("float32", "*fp32"))
)
