"""Latent attention of one new token a sequence, in two launches, like `sgl.kernels.triton.decode_attention`.

Stage 1: one program for each tile of heads, sequence and split of its tokens; how a sequence is split is worked out on
the device, so a captured graph serves all lengths. Stage 2 puts the splits together.

Expected bytes are those of the vectors, ``tokens * (rank + rope)`` elements a layer, read once from memory and once for
each tile of heads from the second-level cache; on an H200 at 4.3 TB/s 64 sequences of 1024 tokens (512 + 64, bfloat16)
are 75 MB, 18 microseconds a layer, and 128 heads multiply 2 * 128 * 1088 for each of them: 18 GFLOP, 23 microseconds at
790 TFLOP/s. FlashMLA reports 3.0 TB/s on an H800. Not run on a GPU yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.config.splits import LATENT_PROGRAMS, latent_splits, split_rows
from sgl.kernels.triton.decode_kernels import merge_splits, split_tokens
from sgl.kernels.triton.decode_splits import DecodeWorkspace, merge_shape
from sgl.kernels.triton.latent import SMALL, LatentLayer, LatentTiles, attend_vectors, latent_tiles, latent_variant
from sgl.kernels.triton.paged import LOG2_E
from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.variant import Variant

SHORTEST: Final = 128
"""Fewest tokens of a split, for which reading pays for a partial result of 4 * rank bytes a head."""
MERGE_WARPS: Final = 4


def latent_workspace(
    *, largest_batch: int, heads: int, rank: int, multiprocessors: int, device: torch.device
) -> DecodeWorkspace:
    """Partial results of stage 1: allocated once, for every layer and every batch up to the largest."""
    blocks = triton.cdiv(heads, latent_tiles(heads, None).rows)
    rows = heads * split_rows(latent_splits, largest_batch, blocks, multiprocessors)
    return DecodeWorkspace(
        torch.empty(rows * rank, dtype=torch.float32, device=device),
        torch.empty(rows, dtype=torch.float32, device=device),
        multiprocessors,
    )


def latent_decode(
    query: Tensor,
    layer: LatentLayer,
    page_table: Tensor,
    seq_lens: Tensor,
    *,
    page_size: int,
    scale: float,
    workspace: DecodeWorkspace,
    dependent: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Attends from the last token of each sequence, whose vector is in the pool already.

    Args:
        query: Absorbed, [batch, heads, rank + rope].
        page_table: int32 [batch, max_pages]; entries behind a sequence's pages are not read.
        seq_lens: int32 [batch], tokens with this step's; 0 is a padding row, whose result is zeros.
        page_size: Tokens of a page, a power of two.
        scale: Scores are multiplied with it.
        workspace: Of `latent_workspace`; overwritten.
        dependent: Stage 1 is launched to start before the kernel in front of it has ended.
        out: [batch, heads, rank], contiguous, written and returned.

    Returns:
        [batch, heads, rank] in query's type: sums of compressed vectors, which `KvUp.mix` makes values of.

    Raises:
        ValueError: Shapes, types or strides do not fit, or the workspace is too small.
    """
    layer.check(query.shape[2], page_size)
    batch, heads, _ = query.shape
    if out is None:
        out = torch.empty((batch, heads, layer.rank), dtype=query.dtype, device=query.device)
    if not batch:
        return out
    tiles = latent_tiles(heads, layer.storage)
    blocks = triton.cdiv(heads, tiles.rows)
    splits = latent_splits(batch, blocks, workspace.multiprocessors)
    if workspace.sums.numel() < batch * heads * splits or workspace.partial.numel() < (
        batch * heads * splits * layer.rank
    ):
        raise ValueError(f"the workspace of latent attention was allocated for fewer than {batch} sequences")
    shares = max(1, LATENT_PROGRAMS * workspace.multiprocessors // blocks)
    alike = _cut(tiles)
    early = starts_early(query.device, dependent)
    _attend[(blocks, batch, splits)](
        query,
        *layer.tensors(),
        page_table,
        seq_lens,
        workspace.partial,
        workspace.sums,
        batch,
        shares,
        splits,
        scale * LOG2_E.value,
        query.stride(0),
        query.stride(1),
        page_table.stride(0),
        heads,
        **layer.constants(page_size, query.dtype),
        **alike,
        ROWS=tiles.rows,
        DEPENDENT=early,
        num_warps=tiles.warps,
        num_stages=tiles.stages,
        launch_pdl=early,
    )
    merge_splits[(heads, batch)](
        workspace.partial,
        workspace.sums,
        seq_lens,
        None,
        out,
        None,
        batch,
        shares,
        0,
        splits,
        VALUE=layer.rank,
        DEPENDENT=early,
        WINDOWED=False,
        **alike,
        **merge_shape(splits, layer.rank),
        num_warps=MERGE_WARPS,
        launch_pdl=early,
    )
    return out


def _cut(tiles: LatentTiles) -> dict[str, Any]:
    """The constants by which both stages split sequences alike."""
    shortest = tiles.keys if tiles == SMALL else SHORTEST
    return {"KEYS": tiles.keys, "SHORTEST": shortest}


@triton.jit(do_not_specialize=["batch", "shares", "most"])
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
    partial: tl.tensor,
    sums: tl.tensor,
    batch: tl.tensor,
    shares: tl.tensor,
    most: tl.tensor,
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
    SHORTEST: tl.constexpr,
    PAGE: tl.constexpr,
    OPERAND: tl.constexpr,
    STORAGE: tl.constexpr,
    ASM: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    row = tl.program_id(1).to(tl.int64)
    split = tl.program_id(2)
    await_inputs(DEPENDENT)
    length = tl.load(seq_lens + row)
    _, tokens = split_tokens(seq_lens, length, batch, shares, 0, most, KEYS, SHORTEST, False)
    start = split * tokens
    if start < length:
        stop = tl.minimum(start + tokens, length)
        head = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
        real = head < heads
        element = tl.arange(0, BLOCK_RANK)
        rope = tl.arange(0, BLOCK_ROPE)
        own = query + row * query_row_stride + head[:, None] * query_head_stride
        q = tl.load(own + element[None, :], mask=real[:, None] & (element < RANK)[None, :], other=0.0)
        q_rope = tl.load(own + RANK + rope[None, :], mask=real[:, None] & (rope < ROPE)[None, :], other=0.0)
        peak, total, mixed = attend_vectors(
            start, stop, tl.zeros((ROWS,), tl.int32) + length, q.to(OPERAND), q_rope.to(OPERAND),
            page_table + row * table_stride, compressed, positional, compressed_multipliers, positional_multipliers,
            compressed_stride, positional_stride, compressed_multiplier_stride, positional_multiplier_stride, inner,
            RANK, ROPE, BLOCK_RANK, BLOCK_ROPE, ROWS, KEYS, PAGE, OPERAND, STORAGE, ASM,
        )  # fmt: skip
        release_dependents(DEPENDENT)
        place = (row * heads + head) * most + split
        tl.store(sums + place, peak + tl.log2(total), mask=real)
        at = partial + place[:, None] * RANK + element[None, :]
        tl.store(at, mixed / total[:, None], mask=real[:, None] & (element < RANK)[None, :])


def _variants() -> Iterator[Variant]:
    cases: tuple[tuple[int, str, KvStorage | None], ...] = (
        (16, "bf16", None),
        (128, "bf16", None),
        (128, "fp8", "fp8_e4m3"),
        (128, "int8", "int8"),
    )
    for heads, label, storage in cases:
        tiles = latent_tiles(heads, storage)
        yield latent_variant(f"latent_decode {label} {heads} heads", _attend, tiles, _cut(tiles), storage=storage)


VARIANTS: Final = tuple(_variants())
