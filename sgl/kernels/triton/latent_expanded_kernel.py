"""The kernel of `sgl.kernels.triton.latent_expanded`, which says what it is for."""

from __future__ import annotations

import triton
import triton.language as tl

from sgl.kernels.triton.extend_kernel import sequence_of
from sgl.kernels.triton.paged import anchor, denominator


@triton.jit
def pass_keys(
    begin: tl.tensor,
    end: tl.tensor,
    peak: tl.tensor,
    total: tl.tensor,
    mixed: tl.tensor,
    query: tl.tensor,
    query_rope: tl.tensor,
    rows_at: tl.tensor,
    keys: tl.tensor,
    positional: tl.tensor,
    values: tl.tensor,
    inner: tl.tensor,
    key_stride: tl.tensor,
    positional_stride: tl.tensor,
    value_stride: tl.tensor,
    NOPE: tl.constexpr,
    ROPE: tl.constexpr,
    VALUE: tl.constexpr,
    BLOCK_NOPE: tl.constexpr,
    BLOCK_ROPE: tl.constexpr,
    BLOCK_VALUE: tl.constexpr,
    KEYS: tl.constexpr,
    OPERAND: tl.constexpr,
    MASKED: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor, tl.tensor]:
    """The tiles of keys from ``begin`` to ``end``; MASKED where they are not all visible to all rows."""
    nope = tl.arange(0, BLOCK_NOPE)
    rope = tl.arange(0, BLOCK_ROPE)
    element = tl.arange(0, BLOCK_VALUE)
    for at in range(begin, end, KEYS):
        # Of one sequence: their offsets fit 32 bits.
        token = at + tl.arange(0, KEYS)
        seen = tl.full((KEYS,), True, tl.int1)
        if MASKED:
            seen = token < end
        key = tl.load(
            keys + token[None, :] * key_stride + nope[:, None], mask=seen[None, :] & (nope < NOPE)[:, None], other=0.0
        )
        key_rope = tl.load(
            positional + token[None, :] * positional_stride + rope[:, None],
            mask=seen[None, :] & (rope < ROPE)[:, None],
            other=0.0,
        )
        value = tl.load(
            values + token[:, None] * value_stride + element[None, :],
            mask=seen[:, None] & (element < VALUE)[None, :],
            other=0.0,
        )
        scores = tl.dot(query, key.to(OPERAND), input_precision="ieee")
        scores = tl.dot(query_rope, key_rope.to(OPERAND), scores, input_precision="ieee") * inner
        if MASKED:
            scores = tl.where(token[None, :] <= rows_at[:, None], scores, float("-inf"))
        higher = tl.maximum(peak, tl.max(scores, 1))
        base = higher
        if MASKED:
            base = anchor(higher)
        weights = tl.exp2(scores - base[:, None])
        shrink = tl.exp2(peak - base)
        total = total * shrink + tl.sum(weights, 1)
        mixed = tl.dot(weights.to(OPERAND), value.to(OPERAND), mixed * shrink[:, None], input_precision="ieee")
        peak = higher
    return peak, total, mixed


@triton.jit(do_not_specialize=["batch"])
def attend_expanded(
    query: tl.tensor,
    keys: tl.tensor,
    positional: tl.tensor,
    values: tl.tensor,
    seq_lens: tl.tensor,
    cu_q: tl.tensor,
    cu_k: tl.tensor,
    out: tl.tensor,
    batch: tl.tensor,
    inner: tl.tensor,
    query_row_stride: tl.tensor,
    query_head_stride: tl.tensor,
    key_head_stride: tl.tensor,
    key_stride: tl.tensor,
    positional_stride: tl.tensor,
    value_head_stride: tl.tensor,
    value_stride: tl.tensor,
    out_row_stride: tl.tensor,
    out_head_stride: tl.tensor,
    NOPE: tl.constexpr,
    ROPE: tl.constexpr,
    VALUE: tl.constexpr,
    BLOCK_NOPE: tl.constexpr,
    BLOCK_ROPE: tl.constexpr,
    BLOCK_VALUE: tl.constexpr,
    ROWS: tl.constexpr,
    KEYS: tl.constexpr,
    OPERAND: tl.constexpr,
) -> None:
    # The last tiles see the most keys, so they come first.
    tile = tl.num_programs(0) - 1 - tl.program_id(0)
    head = tl.program_id(1).to(tl.int64)
    sequence = sequence_of(tile, cu_q, batch, 1, ROWS)
    first_token = tl.load(cu_q + sequence)
    next_token = tl.load(cu_q + sequence + 1, mask=sequence < batch, other=0)
    count = next_token - first_token
    first = (tile - first_token // ROWS - sequence) * ROWS
    if first < count:
        length = tl.load(seq_lens + sequence)
        token = first + tl.arange(0, ROWS)
        real = token < count
        # A padding row's position is negative, so it sees no key.
        rows_at = length - count + token
        nope = tl.arange(0, BLOCK_NOPE)
        rope = tl.arange(0, BLOCK_ROPE)
        element = tl.arange(0, BLOCK_VALUE)
        place = (first_token + token).to(tl.int64)
        own = query + place[:, None] * query_row_stride + head * query_head_stride
        q = tl.load(own + nope[None, :], mask=real[:, None] & (nope < NOPE)[None, :], other=0.0)
        q_rope = tl.load(own + NOPE + rope[None, :], mask=real[:, None] & (rope < ROPE)[None, :], other=0.0)
        q = q.to(OPERAND)
        q_rope = q_rope.to(OPERAND)
        begun = tl.load(cu_k + sequence).to(tl.int64)
        keys += head * key_head_stride + begun * key_stride
        positional += begun * positional_stride
        values += head * value_head_stride + begun * value_stride

        peak = tl.full((ROWS,), float("-inf"), tl.float32)
        total = tl.zeros((ROWS,), tl.float32)
        mixed = tl.zeros((ROWS, BLOCK_VALUE), tl.float32)
        before = length - count + first
        diagonal = tl.maximum((before + 1) // KEYS * KEYS, 0)
        peak, total, mixed = pass_keys(
            0, diagonal, peak, total, mixed, q, q_rope, rows_at, keys, positional, values, inner,
            key_stride, positional_stride, value_stride,
            NOPE, ROPE, VALUE, BLOCK_NOPE, BLOCK_ROPE, BLOCK_VALUE, KEYS, OPERAND, False,
        )  # fmt: skip
        peak, total, mixed = pass_keys(
            diagonal, tl.minimum(before + ROWS, length), peak, total, mixed, q, q_rope, rows_at,
            keys, positional, values, inner, key_stride, positional_stride, value_stride,
            NOPE, ROPE, VALUE, BLOCK_NOPE, BLOCK_ROPE, BLOCK_VALUE, KEYS, OPERAND, True,
        )  # fmt: skip
        result = (mixed / denominator(total)[:, None]).to(out.dtype.element_ty)
        at = out + place[:, None] * out_row_stride + head * out_head_stride + element[None, :]
        tl.store(at, result, mask=real[:, None] & (element < VALUE)[None, :])
