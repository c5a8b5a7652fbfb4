"""Attention of deterministic mode: a row's bits depend on its own position and sequence alone.

One kernel serves prompts, chunks of them, and single tokens: rows are cut into tiles as in
`sgl.kernels.triton.extend_attention`, keys into splits of one size from position 0 on, and those into tiles, which all
go through one loop, since a compiler may round two loops differently. Splits are put together from first to last.

A program of a prompt passes all splits that its rows see. In a step of single tokens several programs share the splits
of a sequence: the first one puts together what it computes, the others keep each split's result, and a second kernel
puts all of a sequence together in the same order. So a long sequence keeps a whole GPU busy, and whoever computes a
split, the result has the same bits. How splits are shared out is found on the device, from the lengths of the batch: a
captured step serves all of them.

Expected bytes of a step of single tokens are those of `sgl.kernels.triton.decode_attention`, and 4 * value_dim for each
query head and split, written and read, some 2 % of K and V where four heads share one (1024 tokens, bfloat16). A tile
of 64 rows is mostly empty then, 64 operations for each byte of K and V, which an H200 does at 4.3 TB/s with a third of
its products. A prompt starts its loads anew in every split: 16 tiles of 64 keys. Not run on a GPU yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import triton
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.kernels.triton.attention_case import CASES, GPT_OSS, LLAMA, AttentionCase
from sgl.kernels.triton.codec import storage_code
from sgl.kernels.triton.fixed_kernels import attend_fixed, merge_fixed
from sgl.kernels.triton.fixed_splits import SMALL_SPLIT, SPLIT_TOKENS, FixedWorkspace
from sgl.kernels.triton.mode import INTERPRETED
from sgl.kernels.triton.paged import (
    FIRST_LARGE,
    LARGE_SHARED,
    check_pool,
    compute_capability,
    has_large_blocks,
    operand_type,
    product_shape,
    results,
    score_factors,
)
from sgl.kernels.triton.pdl import starts_early
from sgl.kernels.triton.variant import Variant


@dataclass(frozen=True)
class FixedTiles:
    """How the work is cut, whatever the batch.

    Attributes:
        rows: New tokens times query heads of a tile, a power of two.
        keys: Tokens of the pool in a tile, a power of two.
        split: Tokens of a split, a multiple of ``keys``.
    """

    rows: int
    keys: int
    split: int
    warps: int
    stages: int


def fixed_tiles(head_dim: int, element_size: int, capability: int, *, small: bool = INTERPRETED) -> FixedTiles:
    """Chooses by the larger size of K's and V's heads, bytes of an element of the pool, and ten times the GPU's compute
    capability: bits depend on all of it.

    Two weighted sums of a tile's rows lie in registers, so tiles are smaller than elsewhere: these are the sizes at
    which code keeps to registers.
    """
    if small:
        return FixedTiles(16, 16, SMALL_SPLIT, 4, 1)
    large = has_large_blocks(capability)
    if element_size == 4:
        # Tensor cores have no exact float32: this is for comparing, not for speed.
        return FixedTiles(16, 16, SPLIT_TOKENS, 4, 2 if large else 1)
    width = triton.next_power_of_2(head_dim)
    # Codes take registers when they are expanded.
    coded, wide = element_size == 1, width > 128
    if large:
        rows, keys = 32 if wide else 64, 32 if wide or coded else 64
    else:
        rows, keys = 32 if wide or coded else 64, 16 if wide else 32
    return FixedTiles(rows, keys, SPLIT_TOKENS, 8 if width > 64 else 4, 3)


def fixed_attention(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    page_table: Tensor,
    seq_lens: Tensor,
    cu_q: Tensor,
    *,
    page_size: int,
    scale: float,
    workspace: FixedWorkspace,
    single: bool = False,
    window: int | None = None,
    softcap: float | None = None,
    sinks: Tensor | None = None,
    key_multipliers: Tensor | None = None,
    value_multipliers: Tensor | None = None,
    storage: KvStorage | None = None,
    dependent: bool = False,
    out: Tensor | None = None,
    lse: Tensor | None = None,
) -> Tensor:
    """Attends from the last ``cu_q[b + 1] - cu_q[b]`` tokens of each sequence, causally.

    Args:
        query: [tokens, num_heads, head_dim]. Rows from ``cu_q[batch]`` on are padding; so are those of sequences of
            length 0. Their results are zeros.
        keys: One layer of the pool, [slots, num_kv_heads, head_dim].
        values: [slots, num_kv_heads, value_dim].
        page_table: int32 [batch, max_pages]; entries behind a sequence's pages are not read.
        seq_lens: int32 [batch], tokens with this step's; 0 is a padding row.
        cu_q: int32 [batch + 1], where each sequence's rows begin, and the end; a sequence may have none.
        page_size: Tokens of a page, a power of two.
        scale: Scores are multiplied with it.
        workspace: Overwritten where ``single``; one kernel for all needs it always.
        single: Every sequence has one row: long ones are shared out to several programs.
        window: A token sees itself and ``window - 1`` before; None sees all.
        softcap: Scores become ``softcap * tanh(scores / softcap)``.
        sinks: float32 [num_heads], a score that takes its share of the softmax and has no value.
        key_multipliers: float32 [slots, num_kv_heads] of 8-bit codes (`sgl.kvcache.codec`).
        value_multipliers: Like key_multipliers.
        storage: How the pool keeps K and V; None is as they are.
        dependent: Launched to start before the kernel in front of it has ended.
        out: [tokens, num_heads, value_dim], contiguous, written and returned.
        lse: float32 [tokens, num_heads], contiguous; log-sum-exps in base e are written to it, sinks included, and
            -inf for padding rows.

    Returns:
        [tokens, num_heads, value_dim] in query's type.

    Raises:
        ValueError: Shapes, types or strides do not fit, ``single`` is not true, or the workspace is too small.
    """
    check_pool(query, keys, values, key_multipliers, value_multipliers, storage, page_size)
    tokens, num_heads, head_dim = query.shape
    _, num_kv_heads, value_dim = values.shape
    batch, group = len(seq_lens), num_heads // num_kv_heads
    out = results(query, value_dim, out, lse)
    if not tokens:
        return out
    if single and tokens != batch:
        raise ValueError(f"{tokens} rows are not one for each of {batch} sequences")
    workspace.check(batch if single else 0, num_heads, value_dim)
    tiles = fixed_tiles(max(head_dim, value_dim), keys.element_size(), compute_capability(query.device))
    # What is behind the last sequence is one more, of length 0.
    blocks = tokens * group // tiles.rows + batch + 1
    parts = workspace.parts(batch, num_kv_heads * -(-group // tiles.rows)) if single else 1
    inner, outer = score_factors(scale, softcap)
    early = starts_early(query.device, dependent)
    alike: dict[str, Any] = {
        "VALUE": value_dim,
        "SPLIT": tiles.split,
        "WINDOWED": window is not None,
        "DEPENDENT": early,
        "launch_pdl": early,
    }
    attend_fixed[(blocks, num_kv_heads, parts)](
        query,
        keys,
        values,
        key_multipliers,
        value_multipliers,
        page_table,
        seq_lens,
        cu_q,
        sinks,
        workspace.mixed,
        workspace.peaks,
        workspace.totals,
        out,
        lse,
        tokens,
        batch,
        workspace.spare,
        workspace.largest_batch,
        window or 0,
        inner,
        outer,
        query.stride(0),
        query.stride(1),
        keys.stride(0),
        keys.stride(1),
        values.stride(0),
        values.stride(1),
        0 if key_multipliers is None else key_multipliers.stride(0),
        0 if value_multipliers is None else value_multipliers.stride(0),
        page_table.stride(0),
        GROUP=group,
        HEAD=head_dim,
        PAGE=page_size,
        OPERAND=operand_type(query, keys, storage),
        STORAGE=storage_code(storage),
        CAPPED=softcap is not None,
        **alike,
        **product_shape(tiles.rows, tiles.keys, head_dim, value_dim),
        num_warps=tiles.warps,
        num_stages=tiles.stages,
    )
    if parts > 1:
        merge_fixed[(num_heads, batch)](
            workspace.mixed,
            workspace.peaks,
            workspace.totals,
            seq_lens,
            sinks,
            out,
            lse,
            batch,
            parts,
            workspace.spare,
            workspace.largest_batch,
            window or 0,
            **alike,
            **merge_shape(value_dim),
        )
    return out


def merge_shape(value_dim: int) -> dict[str, Any]:
    """A program of the second kernel: 4 elements a thread, of one query head."""
    block = triton.next_power_of_2(value_dim)
    return {"BLOCK_VALUE": block, "num_warps": max(1, block // 128)}


def _variant(case: AttentionCase, capability: int) -> Variant:
    tiles = fixed_tiles(max(case.head_dim, case.value_dim), case.element_size, capability, small=False)
    constants = {**product_shape(tiles.rows, tiles.keys, case.head_dim, case.value_dim), "SPLIT": tiles.split}
    label = f"fixed from sm_{capability}"
    variant = case.variant(attend_fixed, label, constants, warps=tiles.warps, stages=tiles.stages, matrix=True)
    if capability == FIRST_LARGE:
        return replace(variant, since=FIRST_LARGE, shared=LARGE_SHARED)
    return replace(variant, before=FIRST_LARGE)


def _merges(case: AttentionCase) -> Variant:
    shape = merge_shape(case.value_dim)
    warps = shape.pop("num_warps")
    constants = {**shape, "SPLIT": SPLIT_TOKENS}
    return case.variant(merge_fixed, "fixed merge", constants, warps=warps, stages=3, matrix=False)


VARIANTS: Final = (
    *(_variant(case, capability) for capability in (80, FIRST_LARGE) for case in CASES),
    _merges(LLAMA),
    _merges(GPT_OSS),
)
