"""The kernels of `sgl.kernels.triton.fixed_attention`, which says what they are for."""

from __future__ import annotations

from typing import Final

import triton
import triton.language as tl

from sgl.kernels.triton.extend_kernel import pass_keys, sequence_of
from sgl.kernels.triton.fixed_splits import put_together, share_out
from sgl.kernels.triton.paged import LN_2, LOG2_E, denominator
from sgl.kernels.triton.pdl import await_inputs, release_dependents

AHEAD: Final = tl.constexpr(8)
"""Splits whose results are asked for together, because each is a wait for memory."""


@triton.jit
def finish(
    peak: tl.tensor, total: tl.tensor, mixed: tl.tensor, sink: tl.tensor, SINKS: tl.constexpr
) -> tuple[tl.tensor, tl.tensor]:
    """Log-sum-exps in base e, and the result, of softmaxes over all that rows see; sinks are -inf for padding.

    A sink is one more part, with a weight and without a value.
    """
    if SINKS:
        # The product is rounded by itself: a compiler must not fuse it with what comes, in one kernel and not in all.
        own = tl.fma(sink, LOG2_E, 0.0)
        peak, total, mixed = put_together(peak, total, mixed, own, tl.zeros_like(total) + 1.0, tl.zeros_like(mixed))
    total = denominator(total)
    return (peak + tl.log2(total)) * LN_2, mixed / total[:, None]


# A batch begins at any row of these, behind its sequences of one token.
@triton.jit(
    do_not_specialize=["tokens", "batch", "window", "spare", "first_apart", "table_stride"],
    do_not_specialize_on_alignment=["page_table", "seq_lens"],
)
def attend_fixed(
    query: tl.tensor,
    keys: tl.tensor,
    values: tl.tensor,
    key_multipliers: tl.tensor,
    value_multipliers: tl.tensor,
    page_table: tl.tensor,
    seq_lens: tl.tensor,
    cu_q: tl.tensor,
    sinks: tl.tensor,
    partial: tl.tensor,
    peaks: tl.tensor,
    totals: tl.tensor,
    out: tl.tensor,
    lse: tl.tensor,
    tokens: tl.tensor,
    batch: tl.tensor,
    spare: tl.tensor,
    first_apart: tl.tensor,
    window: tl.tensor,
    inner: tl.tensor,
    outer: tl.tensor,
    query_row_stride: tl.tensor,
    query_head_stride: tl.tensor,
    key_slot_stride: tl.tensor,
    key_head_stride: tl.tensor,
    value_slot_stride: tl.tensor,
    value_head_stride: tl.tensor,
    key_multiplier_stride: tl.tensor,
    value_multiplier_stride: tl.tensor,
    table_stride: tl.tensor,
    GROUP: tl.constexpr,
    HEAD: tl.constexpr,
    VALUE: tl.constexpr,
    BLOCK_HEAD: tl.constexpr,
    BLOCK_VALUE: tl.constexpr,
    ROWS: tl.constexpr,
    KEYS: tl.constexpr,
    SPLIT: tl.constexpr,
    PAGE: tl.constexpr,
    OPERAND: tl.constexpr,
    STORAGE: tl.constexpr,
    CAPPED: tl.constexpr,
    WINDOWED: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    tile = tl.num_programs(0) - 1 - tl.program_id(0)
    kv_head = tl.program_id(1)
    part = tl.program_id(2)
    parts = tl.num_programs(2)
    await_inputs(DEPENDENT)
    sequence = sequence_of(tile, cu_q, batch, GROUP, ROWS)
    first_token = tl.load(cu_q + sequence)
    next_token = tl.load(cu_q + sequence + 1, mask=sequence < batch, other=0)
    count = tl.where(sequence < batch, next_token, tokens) - first_token
    first_row = (tile - first_token * GROUP // ROWS - sequence) * ROWS
    if first_row >= count * GROUP:
        return
    length = tl.load(seq_lens + sequence, mask=sequence < batch, other=0)
    first_at = length - count + first_row // GROUP
    # A padding row's position is negative, so it sees no key.
    limit = length - count + tl.minimum((first_row + ROWS - 1) // GROUP, count - 1) + 1
    lowest = tile * 0
    if WINDOWED:
        lowest = tl.maximum(first_at - window + 1, 0)

    # The first program puts together what it computes, the others leave that to a kernel behind this one.
    split = lowest // SPLIT
    stop = tl.cdiv(tl.maximum(limit, 0), SPLIT)
    kept = first_apart * 0
    if parts > 1:
        apart, before = share_out(seq_lens, sequence, batch, parts, spare, window, SPLIT, WINDOWED)
        single = stop - apart
        share = tl.cdiv(apart, parts - 1)
        if part == 0:
            stop = single
            kept = sequence
        else:
            split = single + (part - 1) * share
            stop = tl.minimum(split + share, stop)
            kept = first_apart + before + split - single
    if (parts > 1) & (split >= stop):
        return

    row = first_row + tl.arange(0, ROWS)
    real = row < count * GROUP
    token = row // GROUP
    head = kv_head * GROUP + row % GROUP
    rows_at = length - count + token
    dims = tl.arange(0, BLOCK_HEAD)
    value_dims = tl.arange(0, BLOCK_VALUE)
    place = (first_token + token).to(tl.int64)
    q = tl.load(
        query + place[:, None] * query_row_stride + head[:, None] * query_head_stride + dims[None, :],
        mask=real[:, None] & (dims[None, :] < HEAD),
        other=0.0,
    ).to(OPERAND)
    table = page_table + sequence.to(tl.int64) * table_stride
    keys += kv_head * key_head_stride
    values += kv_head * value_head_stride
    if STORAGE != 0:
        key_multipliers += kv_head
        value_multipliers += kv_head
    heads = tl.num_programs(1) * GROUP
    visible_value = real[:, None] & (value_dims[None, :] < VALUE)

    peak = tl.full((ROWS,), float("-inf"), tl.float32)
    total = tl.zeros((ROWS,), tl.float32)
    mixed = tl.zeros((ROWS, BLOCK_VALUE), tl.float32)
    for number in range(split, stop):
        next_peak, next_total, next_mixed = pass_keys(
            tl.maximum(number * SPLIT, lowest // KEYS * KEYS), tl.minimum(number * SPLIT + SPLIT, limit),
            tl.full((ROWS,), float("-inf"), tl.float32), tl.zeros((ROWS,), tl.float32),
            tl.zeros((ROWS, BLOCK_VALUE), tl.float32), q, rows_at, lowest, limit,
            keys, values, key_multipliers, value_multipliers, table, window, inner, outer,
            key_slot_stride, value_slot_stride, key_multiplier_stride, value_multiplier_stride,
            HEAD, VALUE, BLOCK_HEAD, BLOCK_VALUE, KEYS, PAGE, OPERAND, STORAGE, CAPPED, WINDOWED, True,
        )  # fmt: skip
        peak, total, mixed = put_together(peak, total, mixed, next_peak, next_total, next_mixed)
        if (parts > 1) & ((part > 0) | (number + 1 == stop)):
            at = kept.to(tl.int64) * heads + head
            tl.store(peaks + at, peak, mask=real)
            tl.store(totals + at, total, mask=real)
            tl.store(partial + at[:, None] * VALUE + value_dims[None, :], mixed, mask=visible_value)
            kept += 1
        # What has no peak has no weight in what comes.
        peak = tl.where(part > 0, float("-inf"), peak)
    release_dependents(DEPENDENT)
    if parts == 1:
        sink = tl.zeros((ROWS,), tl.float32)
        if sinks is not None:
            sink = tl.load(sinks + head, mask=real, other=0.0).to(tl.float32)
            sink = tl.where(rows_at >= 0, sink, float("-inf"))
        sums, result = finish(peak, total, mixed, sink, sinks is not None)
        at = place * heads + head
        tl.store(out + at[:, None] * VALUE + value_dims[None, :], result.to(out.dtype.element_ty), mask=visible_value)
        if lse is not None:
            tl.store(lse + at, sums, mask=real)


@triton.jit(do_not_specialize=["batch", "parts", "spare", "first_apart", "window"])
def merge_fixed(
    partial: tl.tensor,
    peaks: tl.tensor,
    totals: tl.tensor,
    seq_lens: tl.tensor,
    sinks: tl.tensor,
    out: tl.tensor,
    lse: tl.tensor,
    batch: tl.tensor,
    parts: tl.tensor,
    spare: tl.tensor,
    first_apart: tl.tensor,
    window: tl.tensor,
    VALUE: tl.constexpr,
    BLOCK_VALUE: tl.constexpr,
    SPLIT: tl.constexpr,
    WINDOWED: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    head = tl.program_id(0) + tl.arange(0, 1)
    heads = tl.num_programs(0)
    row = tl.program_id(1)
    dims = tl.arange(0, BLOCK_VALUE)
    await_inputs(DEPENDENT)
    release_dependents(DEPENDENT)
    length = tl.load(seq_lens + row)
    apart, before = share_out(seq_lens, row, batch, parts, spare, window, SPLIT, WINDOWED)
    peak = tl.full((1,), float("-inf"), tl.float32)
    total = tl.zeros((1,), tl.float32)
    mixed = tl.zeros((1, BLOCK_VALUE), tl.float32)
    # The sequence's first program, and single splits behind.
    for number in range(0, tl.where(length > 0, apart + 1, 0), AHEAD):
        for ahead in tl.static_range(AHEAD):
            each = number + ahead
            kept = tl.where(each == 0, row, first_apart + before + each - 1)
            at = kept.to(tl.int64) * heads + head
            there = (head * 0 + each) <= apart
            next_peak = tl.load(peaks + at, mask=there, other=float("-inf"))
            next_total = tl.load(totals + at, mask=there, other=0.0)
            next_mixed = tl.load(
                partial + at[:, None] * VALUE + dims[None, :],
                mask=there[:, None] & (dims[None, :] < VALUE),
                other=0.0,
            )
            peak, total, mixed = put_together(peak, total, mixed, next_peak, next_total, next_mixed)
    sink = tl.zeros((1,), tl.float32)
    if sinks is not None:
        sink = tl.load(sinks + head).to(tl.float32)
        sink = tl.where(head * 0 + length > 0, sink, float("-inf"))
    sums, result = finish(peak, total, mixed, sink, sinks is not None)
    at = row.to(tl.int64) * heads + head
    tl.store(out + at[:, None] * VALUE + dims[None, :], result.to(out.dtype.element_ty), mask=dims[None, :] < VALUE)
    if lse is not None:
        tl.store(lse + at, sums)
