"""The two stages of `sgl.kernels.triton.decode_attention`, which says what they are for."""

from __future__ import annotations

from typing import Final

import triton
import triton.language as tl

from sgl.kernels.triton.decode_merge import add_splits, counted_last, keep_split, write_padding, write_results
from sgl.kernels.triton.paged import LN_2, LOG2_E, anchor, attend, denominator, expand, find_pages
from sgl.kernels.triton.pdl import await_inputs, release_dependents

SEQUENCES: Final = tl.constexpr(256)
"""Lengths that are added at once."""


@triton.jit
def split_tokens(
    seq_lens: tl.tensor,
    length: tl.tensor,
    batch: tl.tensor,
    shares: tl.tensor,
    window: tl.tensor,
    most: tl.tensor,
    KEYS: tl.constexpr,
    SHORTEST: tl.constexpr,
    WINDOWED: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor]:
    """Where a sequence is read from, and how many tokens each of its splits has, a multiple of KEYS.

    A split should be a share of all tokens of the batch that gives every multiprocessor its work. Then each sequence is
    cut evenly, so that its last split is no leftover.

    Args:
        shares: Splits of all sequences together at which every multiprocessor has its work.
        most: Splits that a sequence may have.
    """
    begin = length * 0
    if WINDOWED:
        begin = tl.maximum(length - window, 0) // KEYS * KEYS
    span = length - begin
    everything = length * 0
    for at in range(0, batch, SEQUENCES):
        index = at + tl.arange(0, SEQUENCES)
        lengths = tl.load(seq_lens + index, mask=index < batch, other=0)
        if WINDOWED:
            lengths = tl.minimum(lengths, window)
        everything += tl.sum(lengths, 0)
    share = tl.maximum(tl.cdiv(everything, shares), SHORTEST)
    splits = tl.maximum(tl.minimum(tl.cdiv(span, share), most), 1)
    tokens = tl.cdiv(tl.cdiv(span, splits), KEYS) * KEYS
    return begin, tl.maximum(tokens, KEYS)


@triton.jit(do_not_specialize=["batch", "shares", "window", "most"])
def attend_splits(
    query: tl.tensor,
    keys: tl.tensor,
    values: tl.tensor,
    key_multipliers: tl.tensor,
    value_multipliers: tl.tensor,
    page_table: tl.tensor,
    seq_lens: tl.tensor,
    partial: tl.tensor,
    sums: tl.tensor,
    arrivals: tl.tensor,
    sinks: tl.tensor,
    out: tl.tensor,
    lse: tl.tensor,
    batch: tl.tensor,
    shares: tl.tensor,
    window: tl.tensor,
    most: tl.tensor,
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
    HEADS: tl.constexpr,
    BLOCK_SPLITS: tl.constexpr,
    PART: tl.constexpr,
    KEYS: tl.constexpr,
    SHORTEST: tl.constexpr,
    WINDOWED: tl.constexpr,
    PAGE: tl.constexpr,
    OPERAND: tl.constexpr,
    STORAGE: tl.constexpr,
    CAPPED: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    """One split of one sequence for ROWS query heads of a KV head.

    Args:
        arrivals: None leaves the parts to `merge_splits`, which ``sinks``, ``out`` and ``lse`` are for then. Else the
            last program of HEADS heads puts them together, see `sgl.kernels.triton.decode_merge`.
    """
    BLOCKS: tl.constexpr = (GROUP + ROWS - 1) // ROWS
    SCALED: tl.constexpr = STORAGE != 0
    kv_head = tl.program_id(0) // BLOCKS
    row = tl.program_id(1).to(tl.int64)
    split = tl.program_id(2)
    first = tl.program_id(0) % BLOCKS * ROWS
    await_inputs(DEPENDENT)
    length = tl.load(seq_lens + row)
    begin, tokens = split_tokens(seq_lens, length, batch, shares, window, most, KEYS, SHORTEST, WINDOWED)
    start = begin + split * tokens
    if start >= length:
        if arrivals is not None:
            before = row * (tl.num_programs(0) // BLOCKS * GROUP) + kv_head * GROUP
            write_padding(out, lse, before, split, first + tl.arange(0, HEADS), tl.arange(0, BLOCK_VALUE), GROUP, VALUE)
        return
    stop = tl.minimum(start + tokens, length)

    in_group = first + tl.arange(0, ROWS)
    real = in_group < GROUP
    head = kv_head * GROUP + in_group
    dims = tl.arange(0, BLOCK_HEAD)
    value_dims = tl.arange(0, BLOCK_VALUE)
    q = tl.load(
        query + row * query_row_stride + head[:, None] * query_head_stride + dims[None, :],
        mask=real[:, None] & (dims[None, :] < HEAD),
        other=0.0,
    ).to(OPERAND)
    table = page_table + row * table_stride
    keys += kv_head * key_head_stride
    values += kv_head * value_head_stride

    peak = tl.full((ROWS,), float("-inf"), tl.float32)
    total = tl.zeros((ROWS,), tl.float32)
    mixed = tl.zeros((ROWS, BLOCK_VALUE), tl.float32)
    low = start
    if WINDOWED:
        low = tl.maximum(start, length - window)
    pages = find_pages(table, start, low, stop, KEYS, PAGE)
    for at in range(start, stop, KEYS):
        positions = at + tl.arange(0, KEYS)
        seen = (positions >= low) & (positions < stop)
        slots = pages.to(tl.int64) * PAGE + positions % PAGE
        pages = find_pages(table, at + KEYS, low, stop, KEYS, PAGE)
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
            key_scale = tl.load(key_multipliers + slots * key_multiplier_stride + kv_head, mask=seen, other=0.0)
            value_scale = tl.load(value_multipliers + slots * value_multiplier_stride + kv_head, mask=seen, other=0.0)
        peak, total, mixed = attend(
            q,
            expand(key, OPERAND, STORAGE),
            expand(value, OPERAND, STORAGE),
            key_scale,
            value_scale,
            seen[None, :],
            peak,
            total,
            mixed,
            inner,
            outer,
            CAPPED,
            SCALED,
            True,
        )
    release_dependents(DEPENDENT)
    before = row * (tl.num_programs(0) // BLOCKS * GROUP)
    place = (before + head) * most + split
    if arrivals is None:
        keep_split(partial, sums, place, real, value_dims, peak, total, mixed, VALUE)
    elif stop - start == length - begin:
        write_results(out, lse, sinks, head, before + head, real, value_dims, peak, total, mixed, VALUE)
    else:
        keep_split(partial, sums, place, real, value_dims, peak, total, mixed, VALUE)
        if counted_last(arrivals + row * tl.num_programs(0) + tl.program_id(0), stop - start, length - begin):
            # Without the rows that only fill up the tile of products.
            own = first + tl.arange(0, HEADS)
            own_head = kv_head * GROUP + own
            splits = tl.cdiv(length - begin, tokens)
            peaks, totals, mixtures = add_splits(
                partial, sums, (before + own_head) * most, own < GROUP, splits, value_dims, VALUE, BLOCK_SPLITS, PART
            )
            write_results(
                out, lse, sinks, own_head, before + own_head, own < GROUP, value_dims, peaks, totals, mixtures, VALUE
            )


@triton.jit(do_not_specialize=["batch", "shares", "window", "most"])
def merge_splits(
    partial: tl.tensor,
    sums: tl.tensor,
    seq_lens: tl.tensor,
    sinks: tl.tensor,
    out: tl.tensor,
    lse: tl.tensor,
    batch: tl.tensor,
    shares: tl.tensor,
    window: tl.tensor,
    most: tl.tensor,
    VALUE: tl.constexpr,
    BLOCK_VALUE: tl.constexpr,
    BLOCK_SPLITS: tl.constexpr,
    PART: tl.constexpr,
    KEYS: tl.constexpr,
    SHORTEST: tl.constexpr,
    WINDOWED: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    head = tl.program_id(0)
    row = tl.program_id(1).to(tl.int64)
    place = row * tl.num_programs(0) + head
    dims = tl.arange(0, BLOCK_VALUE)
    await_inputs(DEPENDENT)
    release_dependents(DEPENDENT)
    length = tl.load(seq_lens + row)
    begin, tokens = split_tokens(seq_lens, length, batch, shares, window, most, KEYS, SHORTEST, WINDOWED)
    splits = tl.cdiv(length - begin, tokens)

    index = tl.arange(0, BLOCK_SPLITS)
    parts = tl.load(sums + place * most + index, mask=index < splits, other=float("-inf"))
    peak = tl.max(parts, 0)
    if sinks is not None:
        sink = tl.load(sinks + head).to(tl.float32) * LOG2_E
        peak = tl.where(length > 0, tl.maximum(peak, sink), peak)
    base = anchor(peak)
    total = tl.sum(tl.exp2(parts - base), 0)
    if sinks is not None:
        total += tl.where(length > 0, tl.exp2(sink - base), 0.0)
    mixed = tl.zeros((BLOCK_VALUE,), tl.float32)
    for at in range(0, splits, PART):
        some = at + tl.arange(0, PART)
        weights = tl.exp2(tl.load(sums + place * most + some, mask=some < splits, other=float("-inf")) - base)
        rows = tl.load(
            partial + (place * most + some[:, None]) * VALUE + dims[None, :],
            mask=(some[:, None] < splits) & (dims[None, :] < VALUE),
            other=0.0,
        )
        mixed += tl.sum(rows * weights[:, None], 0)
    total = denominator(total)
    mixed = mixed / total
    tl.store(out + place * VALUE + dims, mixed.to(out.dtype.element_ty), mask=dims < VALUE)
    if lse is not None:
        tl.store(lse + place, (peak + tl.log2(total)) * LN_2)
