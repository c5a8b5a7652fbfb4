"""The kernel of `sgl.kernels.triton.extend_attention`, which says what it is for."""

from __future__ import annotations

from typing import Final

import triton
import triton.language as tl

from sgl.kernels.triton.paged import LN_2, add_sink, attend, denominator, expand, find_pages
from sgl.kernels.triton.pdl import await_inputs, release_dependents

SEQUENCES: Final = tl.constexpr(256)
"""Sequences that are searched at once for a tile's own."""


@triton.jit
def sequence_of(
    tile: tl.tensor, cu_q: tl.tensor, batch: tl.tensor, GROUP: tl.constexpr, ROWS: tl.constexpr
) -> tl.tensor:
    """The sequence that a tile belongs to; ``batch`` behind the last one."""
    found = tile * 0
    for at in range(0, batch + 1, SEQUENCES):
        index = at + tl.arange(0, SEQUENCES)
        starts = tl.load(cu_q + index, mask=index <= batch, other=0)
        first = starts * GROUP // ROWS + index
        found += tl.sum(((first <= tile) & (index <= batch)).to(tl.int32), 0)
    return found - 1


@triton.jit
def pass_keys(
    begin: tl.tensor,
    end: tl.tensor,
    peak: tl.tensor,
    total: tl.tensor,
    mixed: tl.tensor,
    query: tl.tensor,
    rows_at: tl.tensor,
    lowest: tl.tensor,
    limit: tl.tensor,
    keys: tl.tensor,
    values: tl.tensor,
    key_multipliers: tl.tensor,
    value_multipliers: tl.tensor,
    table: tl.tensor,
    window: tl.tensor,
    inner: tl.tensor,
    outer: tl.tensor,
    key_slot_stride: tl.tensor,
    value_slot_stride: tl.tensor,
    key_multiplier_stride: tl.tensor,
    value_multiplier_stride: tl.tensor,
    HEAD: tl.constexpr,
    VALUE: tl.constexpr,
    BLOCK_HEAD: tl.constexpr,
    BLOCK_VALUE: tl.constexpr,
    KEYS: tl.constexpr,
    PAGE: tl.constexpr,
    OPERAND: tl.constexpr,
    STORAGE: tl.constexpr,
    CAPPED: tl.constexpr,
    WINDOWED: tl.constexpr,
    MASKED: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor, tl.tensor]:
    """The tiles of keys from ``begin`` to ``end``.

    Args:
        rows_at: int32 [rows], positions of the rows.
        lowest: The first position that one of the rows sees.
        limit: The first position that none of them sees.
    """
    SCALED: tl.constexpr = STORAGE != 0
    dims = tl.arange(0, BLOCK_HEAD)
    value_dims = tl.arange(0, BLOCK_VALUE)
    pages = find_pages(table, begin, lowest, tl.minimum(end, limit), KEYS, PAGE)
    for at in range(begin, end, KEYS):
        positions = at + tl.arange(0, KEYS)
        if MASKED:
            seen = (positions < limit) & (positions >= lowest)
            visible = positions[None, :] <= rows_at[:, None]
            if WINDOWED:
                visible = visible & (positions[None, :] > rows_at[:, None] - window)
        else:
            seen = tl.full((KEYS,), True, tl.int1)
            visible = seen[None, :]
        slots = pages.to(tl.int64) * PAGE + positions % PAGE
        pages = find_pages(table, at + KEYS, lowest, tl.minimum(end, limit), KEYS, PAGE)
        key = tl.load(
            keys + slots[None, :] * key_slot_stride + dims[:, None],
            mask=seen[None, :] & (dims[:, None] < HEAD),
            other=0,
        )
        value = tl.load(
            values + slots[:, None] * value_slot_stride + value_dims[None, :],
            mask=seen[:, None] & (value_dims[None, :] < VALUE),
            other=0,
        )
        key_scale = peak
        value_scale = peak
        if SCALED:
            key_scale = tl.load(key_multipliers + slots * key_multiplier_stride, mask=seen, other=0.0)
            value_scale = tl.load(value_multipliers + slots * value_multiplier_stride, mask=seen, other=0.0)
        peak, total, mixed = attend(
            query,
            expand(key, OPERAND, STORAGE),
            expand(value, OPERAND, STORAGE),
            key_scale,
            value_scale,
            visible,
            peak,
            total,
            mixed,
            inner,
            outer,
            CAPPED,
            SCALED,
            MASKED,
        )
    return peak, total, mixed


# A batch begins at any row of these, behind its sequences of one token.
@triton.jit(
    do_not_specialize=["tokens", "batch", "window", "table_stride"],
    do_not_specialize_on_alignment=["page_table", "seq_lens"],
)
def extend(
    query: tl.tensor,
    keys: tl.tensor,
    values: tl.tensor,
    key_multipliers: tl.tensor,
    value_multipliers: tl.tensor,
    page_table: tl.tensor,
    seq_lens: tl.tensor,
    cu_q: tl.tensor,
    sinks: tl.tensor,
    out: tl.tensor,
    lse: tl.tensor,
    tokens: tl.tensor,
    batch: tl.tensor,
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
    PAGE: tl.constexpr,
    OPERAND: tl.constexpr,
    STORAGE: tl.constexpr,
    CAPPED: tl.constexpr,
    WINDOWED: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    tile = tl.num_programs(0) - 1 - tl.program_id(0)
    kv_head = tl.program_id(1)
    await_inputs(DEPENDENT)
    sequence = sequence_of(tile, cu_q, batch, GROUP, ROWS)
    first_token = tl.load(cu_q + sequence)
    next_token = tl.load(cu_q + sequence + 1, mask=sequence < batch, other=0)
    count = tl.where(sequence < batch, next_token, tokens) - first_token
    first_row = (tile - first_token * GROUP // ROWS - sequence) * ROWS
    if first_row >= count * GROUP:
        return
    length = tl.load(seq_lens + sequence, mask=sequence < batch, other=0)

    row = first_row + tl.arange(0, ROWS)
    real = row < count * GROUP
    token = row // GROUP
    head = kv_head * GROUP + row % GROUP
    rows_at = length - count + token
    first_at = length - count + first_row // GROUP
    # A padding row's position is negative, so it sees no key.
    last_at = length - count + tl.minimum((first_row + ROWS - 1) // GROUP, count - 1)

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

    peak = tl.full((ROWS,), float("-inf"), tl.float32)
    total = tl.zeros((ROWS,), tl.float32)
    mixed = tl.zeros((ROWS, BLOCK_VALUE), tl.float32)
    limit = last_at + 1
    lowest = tile * 0
    if WINDOWED:
        lowest = tl.maximum(first_at - window + 1, 0)
    begin = lowest // KEYS * KEYS
    whole = begin
    if WINDOWED:
        whole = tl.cdiv(tl.maximum(last_at - window + 1, 0), KEYS) * KEYS
        peak, total, mixed = pass_keys(
            begin, whole, peak, total, mixed, q, rows_at, lowest, limit,
            keys, values, key_multipliers, value_multipliers, table, window, inner, outer,
            key_slot_stride, value_slot_stride, key_multiplier_stride, value_multiplier_stride,
            HEAD, VALUE, BLOCK_HEAD, BLOCK_VALUE, KEYS, PAGE, OPERAND, STORAGE, CAPPED, WINDOWED, True,
        )  # fmt: skip
    diagonal = tl.maximum((first_at + 1) // KEYS * KEYS, whole)
    peak, total, mixed = pass_keys(
        whole, diagonal, peak, total, mixed, q, rows_at, lowest, limit,
        keys, values, key_multipliers, value_multipliers, table, window, inner, outer,
        key_slot_stride, value_slot_stride, key_multiplier_stride, value_multiplier_stride,
        HEAD, VALUE, BLOCK_HEAD, BLOCK_VALUE, KEYS, PAGE, OPERAND, STORAGE, CAPPED, WINDOWED, False,
    )  # fmt: skip
    peak, total, mixed = pass_keys(
        diagonal, limit, peak, total, mixed, q, rows_at, lowest, limit,
        keys, values, key_multipliers, value_multipliers, table, window, inner, outer,
        key_slot_stride, value_slot_stride, key_multiplier_stride, value_multiplier_stride,
        HEAD, VALUE, BLOCK_HEAD, BLOCK_VALUE, KEYS, PAGE, OPERAND, STORAGE, CAPPED, WINDOWED, True,
    )  # fmt: skip
    release_dependents(DEPENDENT)

    at = place * (tl.num_programs(1) * GROUP) + head
    if sinks is not None:
        sink = tl.load(sinks + head, mask=real, other=0.0).to(tl.float32)
        peak, total, mixed = add_sink(tl.where(rows_at >= 0, sink, float("-inf")), peak, total, mixed)
    total = denominator(total)
    mixed = mixed / total[:, None]
    tl.store(
        out + at[:, None] * VALUE + value_dims[None, :],
        mixed.to(out.dtype.element_ty),
        mask=real[:, None] & (value_dims[None, :] < VALUE),
    )
    if lse is not None:
        tl.store(lse + at, (peak + tl.log2(total)) * LN_2, mask=real)
