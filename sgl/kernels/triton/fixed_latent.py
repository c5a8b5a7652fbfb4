"""Latent attention of deterministic mode: a row's bits depend on its own position and sequence alone.

One kernel serves prompts, chunks of them, and single tokens, as in `sgl.kernels.triton.fixed_attention`: splits of one
size from position 0 on, put together from first to last, by one program for a prompt, and shared out to several in a
step of single tokens. The rows of a tile are heads, and new tokens where heads do not fill it.

Expected bytes of a step of single tokens are those of `sgl.kernels.triton.latent_decode`, and 4 * rank for each head
and split, written and read: with 128 heads of DeepSeek's widths and splits of 1024 tokens 0.5 MB, beside 1.2 MB of
vectors. Not run on a GPU yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.kernels.triton.extend_kernel import sequence_of
from sgl.kernels.triton.fixed_attention import merge_shape
from sgl.kernels.triton.fixed_kernels import merge_fixed
from sgl.kernels.triton.fixed_splits import SMALL_SPLIT, SPLIT_TOKENS, FixedWorkspace, put_together, share_out
from sgl.kernels.triton.latent import LatentLayer, LatentTiles, attend_vectors, latent_tiles, latent_variant
from sgl.kernels.triton.mode import INTERPRETED
from sgl.kernels.triton.paged import LOG2_E, denominator
from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.variant import Variant


def fixed_latent_tiles(storage: KvStorage | None, *, interpreted: bool = INTERPRETED) -> LatentTiles:
    """Half of other tiles: two weighted sums of each row lie in registers, and of codes what they stand for as well."""
    tiles = latent_tiles(1 << 30, storage, interpreted=interpreted)
    return tiles if interpreted else replace(tiles, rows=16, keys=32 if storage is None else 16)


def fixed_latent(
    query: Tensor,
    layer: LatentLayer,
    page_table: Tensor,
    seq_lens: Tensor,
    cu_q: Tensor,
    *,
    page_size: int,
    scale: float,
    workspace: FixedWorkspace,
    single: bool = False,
    dependent: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Attends from the last ``cu_q[b + 1] - cu_q[b]`` tokens of each sequence, causally.

    Args:
        query: Absorbed, [tokens, heads, rank + rope]. Rows from ``cu_q[batch]`` on are padding; so are those of
            sequences of length 0. Their results are zeros.
        page_table: int32 [batch, max_pages]; entries behind a sequence's pages are not read.
        seq_lens: int32 [batch], tokens with this step's; 0 is a padding row.
        cu_q: int32 [batch + 1], where each sequence's rows begin, and the end; a sequence may have none.
        page_size: Tokens of a page, a power of two.
        scale: Scores are multiplied with it.
        workspace: Overwritten where ``single``; one kernel for all needs it always.
        single: Every sequence has one row: long ones are shared out to several programs.
        dependent: Launched to start before the kernel in front of it has ended.
        out: [tokens, heads, rank], contiguous, written and returned.

    Returns:
        [tokens, heads, rank] in query's type: sums of compressed vectors, which `KvUp.mix` makes values of.

    Raises:
        ValueError: Shapes, types or strides do not fit, ``single`` is not true, or the workspace is too small.
    """
    layer.check(query.shape[2], page_size)
    tokens, heads, _ = query.shape
    if out is None:
        out = torch.empty((tokens, heads, layer.rank), dtype=query.dtype, device=query.device)
    if not tokens:
        return out
    batch = len(seq_lens)
    if single and tokens != batch:
        raise ValueError(f"{tokens} rows are not one for each of {batch} sequences")
    workspace.check(batch if single else 0, heads, layer.rank)
    tiles = fixed_latent_tiles(layer.storage)
    shape = _shape(tiles, heads)
    blocks = triton.cdiv(heads, shape["HEADS"])
    parts = workspace.parts(batch, blocks) if single else 1
    early = starts_early(query.device, dependent)
    alike: dict[str, Any] = {"SPLIT": shape["SPLIT"], "DEPENDENT": early, "launch_pdl": early}
    _attend[(tokens // shape["TOKENS"] + batch + 1, blocks, parts)](
        query,
        *layer.tensors(),
        page_table,
        seq_lens,
        cu_q,
        workspace.mixed,
        workspace.peaks,
        workspace.totals,
        out,
        tokens,
        batch,
        workspace.spare,
        workspace.largest_batch,
        scale * LOG2_E.value,
        query.stride(0),
        query.stride(1),
        page_table.stride(0),
        heads,
        **layer.constants(page_size, query.dtype),
        **{name: size for name, size in shape.items() if name not in alike},
        **alike,
        num_warps=tiles.warps,
        num_stages=tiles.stages,
    )
    if parts > 1:
        merge_fixed[(heads, batch)](
            workspace.mixed,
            workspace.peaks,
            workspace.totals,
            seq_lens,
            None,
            out,
            None,
            batch,
            parts,
            workspace.spare,
            workspace.largest_batch,
            0,
            VALUE=layer.rank,
            WINDOWED=False,
            **alike,
            **merge_shape(layer.rank),
        )
    return out


def _shape(tiles: LatentTiles, heads: int) -> dict[str, Any]:
    """A tile has as many heads as there are, and tokens where these do not fill it."""
    together = min(tiles.rows, triton.next_power_of_2(heads))
    split = SMALL_SPLIT if INTERPRETED else SPLIT_TOKENS
    tokens = tiles.rows // together
    return {"ROWS": tiles.rows, "KEYS": tiles.keys, "HEADS": together, "TOKENS": tokens, "SPLIT": split}


# A batch begins at any row of these, behind its sequences of one token.
@triton.jit(
    do_not_specialize=["tokens", "batch", "spare", "first_apart", "table_stride"],
    do_not_specialize_on_alignment=["page_table", "seq_lens"],
)
def _attend(
    query: tl.tensor,
    compressed: tl.tensor,
    positional: tl.tensor,
    compressed_multipliers: tl.tensor,
    positional_multipliers: tl.tensor,
    compressed_stride: tl.tensor,
    positional_stride: tl.tensor,
    compressed_multiplier_stride: tl.tensor,
    positional_multiplier_stride: tl.tensor,
    page_table: tl.tensor,
    seq_lens: tl.tensor,
    cu_q: tl.tensor,
    partial: tl.tensor,
    peaks: tl.tensor,
    totals: tl.tensor,
    out: tl.tensor,
    tokens: tl.tensor,
    batch: tl.tensor,
    spare: tl.tensor,
    first_apart: tl.tensor,
    inner: tl.tensor,
    query_row_stride: tl.tensor,
    query_head_stride: tl.tensor,
    table_stride: tl.tensor,
    heads: tl.tensor,
    RANK: tl.constexpr,
    ROPE: tl.constexpr,
    BLOCK_RANK: tl.constexpr,
    BLOCK_ROPE: tl.constexpr,
    ROWS: tl.constexpr,
    KEYS: tl.constexpr,
    HEADS: tl.constexpr,
    TOKENS: tl.constexpr,
    SPLIT: tl.constexpr,
    PAGE: tl.constexpr,
    OPERAND: tl.constexpr,
    STORAGE: tl.constexpr,
    ASM: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    # The last tiles see the most keys, so they come first.
    tile = tl.num_programs(0) - 1 - tl.program_id(0)
    part = tl.program_id(2)
    parts = tl.num_programs(2)
    await_inputs(DEPENDENT)
    sequence = sequence_of(tile, cu_q, batch, 1, TOKENS)
    first_token = tl.load(cu_q + sequence)
    next_token = tl.load(cu_q + sequence + 1, mask=sequence < batch, other=0)
    count = tl.where(sequence < batch, next_token, tokens) - first_token
    first = (tile - first_token // TOKENS - sequence) * TOKENS
    if first >= count:
        return
    length = tl.load(seq_lens + sequence, mask=sequence < batch, other=0)
    # A padding row's position is negative, so it sees no key.
    before = length - count
    end = tl.minimum(before + first + TOKENS, length)

    # The first program puts together what it computes, the others leave that to a kernel behind this one.
    split = tile * 0
    stop = tl.cdiv(tl.maximum(end, 0), SPLIT)
    kept = first_apart * 0
    if parts > 1:
        apart, apart_before = share_out(seq_lens, sequence, batch, parts, spare, 0, SPLIT, False)
        single = stop - apart
        share = tl.cdiv(apart, parts - 1)
        if part == 0:
            stop = single
            kept = sequence
        else:
            split = single + (part - 1) * share
            stop = tl.minimum(split + share, stop)
            kept = first_apart + apart_before + split - single
    if (parts > 1) & (split >= stop):
        return

    row = tl.arange(0, ROWS)
    token = first + row // HEADS
    head = tl.program_id(1) * HEADS + row % HEADS
    real = (token < count) & (head < heads)
    element = tl.arange(0, BLOCK_RANK)
    rope = tl.arange(0, BLOCK_ROPE)
    place = (first_token + token).to(tl.int64)
    own = query + place[:, None] * query_row_stride + head[:, None] * query_head_stride
    values = real[:, None] & (element < RANK)[None, :]
    q = tl.load(own + element[None, :], mask=values, other=0.0).to(OPERAND)
    q_rope = tl.load(own + RANK + rope[None, :], mask=real[:, None] & (rope < ROPE)[None, :], other=0.0).to(OPERAND)
    table = page_table + sequence.to(tl.int64) * table_stride

    peak = tl.full((ROWS,), float("-inf"), tl.float32)
    total = tl.zeros((ROWS,), tl.float32)
    mixed = tl.zeros((ROWS, BLOCK_RANK), tl.float32)
    for number in range(split, stop):
        next_peak, next_total, next_mixed = attend_vectors(
            number * SPLIT, tl.minimum(number * SPLIT + SPLIT, end), before + token, q, q_rope,
            table, compressed, positional, compressed_multipliers, positional_multipliers,
            compressed_stride, positional_stride, compressed_multiplier_stride, positional_multiplier_stride, inner,
            RANK, ROPE, BLOCK_RANK, BLOCK_ROPE, ROWS, KEYS, PAGE, OPERAND, STORAGE, ASM,
        )  # fmt: skip
        peak, total, mixed = put_together(peak, total, mixed, next_peak, next_total, next_mixed)
        if (parts > 1) & ((part > 0) | (number + 1 == stop)):
            at = kept.to(tl.int64) * heads + head
            tl.store(peaks + at, peak, mask=real)
            tl.store(totals + at, total, mask=real)
            tl.store(partial + at[:, None] * RANK + element[None, :], mixed, mask=values)
            kept += 1
        # What has no peak has no weight in what comes.
        peak = tl.where(part > 0, float("-inf"), peak)
    release_dependents(DEPENDENT)
    if parts == 1:
        at = out + (place * heads + head)[:, None] * RANK + element[None, :]
        result = (mixed / denominator(total)[:, None]).to(out.dtype.element_ty)
        tl.store(at, result, mask=values)


def _variants() -> Iterator[Variant]:
    cases: tuple[tuple[int, str, KvStorage | None], ...] = (
        (16, "bf16", None),
        (128, "bf16", None),
        (128, "fp8", "fp8_e4m3"),
        (128, "int8", "int8"),
    )
    for heads, label, storage in cases:
        tiles = fixed_latent_tiles(storage, interpreted=False)
        shape = {**_shape(tiles, heads), "SPLIT": SPLIT_TOKENS}
        yield latent_variant(f"fixed_latent {label} {heads} heads", _attend, tiles, shape, storage=storage)


VARIANTS: Final = tuple(_variants())
