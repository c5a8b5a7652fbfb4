"""The kernel of `sgl.kernels.triton.skinny`, which says how it works."""

from __future__ import annotations

from typing import Final

import triton
import triton.language as tl

from sgl.kernels.triton.nonlinear import feed_sums, paired
from sgl.kernels.triton.pdl import await_inputs, release_dependents
from sgl.kernels.triton.widen import fetch_early, from_e4m3, from_int8

LINE: Final = tl.constexpr(128)
"""Bytes of a cache line."""


@triton.jit(do_not_specialize=["rows"])
def skinny_product(
    x: tl.tensor,
    weight: tl.tensor,
    scale: tl.tensor,
    zero: tl.tensor,
    bias: tl.tensor,
    out: tl.tensor,
    rows: tl.tensor,
    outputs: tl.tensor,
    columns: tl.tensor,
    x_stride: tl.tensor,
    weight_stride: tl.tensor,
    scale_stride: tl.tensor,
    scale_step: tl.tensor,
    out_stride: tl.tensor,
    KIND: tl.constexpr,
    GROUP: tl.constexpr,
    HEIGHT: tl.constexpr,
    UNIT: tl.constexpr,
    WHOLE: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_K: tl.constexpr,
    SLICES: tl.constexpr,
    STAGES: tl.constexpr,
    ACTIVATION: tl.constexpr,
    GATED: tl.constexpr,
    WIDE: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    """BLOCK_N outputs of BLOCK_M rows.

    Constants:
        KIND: `PLAIN`, `FP8` or `INT8`.
        GROUP: Columns that share a scale, a multiple of BLOCK_K; None: outputs have one, or ``scale`` is None.
        HEIGHT: Outputs that share a scale, with GROUP.
        UNIT: What all scales are multiplied by.
        WHOLE: ``columns`` is a multiple of the columns of a step.
        ACTIVATION: Applied to the sums, with GATED as in `sgl.kernels.triton.nonlinear`; None leaves them.
        WIDE: Multiplies in float32, whatever the types.
    """
    TYPE: tl.constexpr = tl.float32 if WIDE else x.dtype.element_ty
    n = tl.program_id(1).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    # Outputs beyond the last one are the last one: their loads need no mask, and only stores have one.
    own = paired(tl.minimum(n, outputs - 1), outputs, ACTIVATION, GATED)
    part = tl.arange(0, SLICES)
    column = part[:, None] * BLOCK_K + tl.arange(0, BLOCK_K)[None, :]
    weights = weight + own[None, :, None] * weight_stride + column[:, None, :]
    given = x + m[None, None, :].to(tl.int64) * x_stride + column[:, :, None]
    real = m[None, None, :] < rows

    ahead = tl.arange(0, 32) * (LINE // (weight.dtype.element_ty.primitive_bitwidth // 8))
    fetch_early(weight + own[:, None] * weight_stride + ahead[None, :], (ahead < columns)[None, :], DEPENDENT)
    await_inputs(DEPENDENT)
    release_dependents(DEPENDENT)

    total = tl.zeros((SLICES, BLOCK_N, BLOCK_M), tl.float32)
    for start in tl.range(0, columns, SLICES * BLOCK_K, num_stages=STAGES):
        if WHOLE:
            codes = tl.load(weights + start, eviction_policy="evict_first")
            rows_in = tl.load(given + start, mask=real, other=0.0, cache_modifier=".ca")
        else:
            inside = column < columns - start
            codes = tl.load(weights + start, mask=inside[:, None, :], other=0, eviction_policy="evict_first")
            rows_in = tl.load(given + start, mask=real & inside[:, :, None], other=0.0, cache_modifier=".ca")
        if KIND == 1:
            values = from_e4m3(codes, TYPE, not WIDE)
        elif KIND == 2:
            values = from_int8(codes, TYPE)
        else:
            values = codes.to(TYPE)
        if GROUP is None:
            total = tl.dot(values, rows_in.to(TYPE), total, input_precision="ieee")
        else:
            group = tl.minimum(start + part * BLOCK_K, columns - 1) // GROUP
            place = (own // HEIGHT)[None, :] * scale_stride + group[:, None] * scale_step
            product = tl.dot(values, rows_in.to(TYPE), input_precision="ieee")
            if zero is not None:
                summed = tl.sum(rows_in.to(tl.float32), axis=1)
                product -= tl.load(zero + place)[:, :, None] * summed[:, None, :]
            total += product * tl.load(scale + place)[:, :, None]

    result = tl.sum(total, axis=0) * UNIT
    if GROUP is None and scale is not None:
        result *= tl.load(scale + own * scale_stride)[:, None]
    if bias is not None:
        result += tl.load(bias + own).to(tl.float32)[:, None]
    if ACTIVATION is not None:
        result = feed_sums(result, ACTIVATION, GATED)
        if GATED:
            n = tl.program_id(1).to(tl.int64) * (BLOCK_N // 2) + tl.arange(0, BLOCK_N // 2)
            outputs = outputs // 2
    places = out + m[None, :].to(tl.int64) * out_stride + n[:, None]
    tl.store(places, result.to(out.dtype.element_ty), mask=(m[None, :] < rows) & (n[:, None] < outputs))
