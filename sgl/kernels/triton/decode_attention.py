"""Attention of one new token a sequence over the paged pool, in one launch or two.

Stage 1: one program for each KV head, sequence and split of its tokens. The query heads of a KV head are the rows of
one tile, padded to the 16 that tensor cores take, so K and V are read once. How many splits a sequence has is worked
out on the device from the lengths of the batch, so a captured graph serves all of them: the grid has the most there can
be, and programs without tokens end at once. Stage 2 puts the splits together and lets sinks take their shares: in the
last program of stage 1 (`sgl.kernels.triton.decode_merge`), or, where few KV heads leave much to add up for each, in
a kernel with a program for each query head.

Expected bytes are those of K and V, ``2 * tokens * kv_heads * head_dim`` elements a layer, and 4 bytes for each element
of a partial result, written and read; on an H200 at 4.3 TB/s 64 sequences of 1024 tokens of an 8B model (8 heads of
128, bfloat16) are 268 MB, 62 microseconds a layer. Not run on a GPU yet; the goal is 85 % of that rate.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.config.splits import FEWEST_SPLITS, MOST_SPLITS, PROGRAMS, decode_splits, head_blocks
from sgl.kernels.triton.attention_case import CASES, GPT_OSS, LLAMA, AttentionCase
from sgl.kernels.triton.codec import storage_code
from sgl.kernels.triton.decode_kernels import attend_splits, merge_splits
from sgl.kernels.triton.decode_splits import (
    MOST_REGISTERS,
    DecodeWorkspace,
    attend_shape,
    cut,
    decode_tiles,
    last_shape,
    merge_shape,
    merges_itself,
    registers_for,
)
from sgl.kernels.triton.paged import check_pool, operand_type, results, score_factors
from sgl.kernels.triton.pdl import starts_early
from sgl.kernels.triton.variant import Variant

MERGE_WARPS: Final = 4


def decode_attention(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    page_table: Tensor,
    seq_lens: Tensor,
    *,
    page_size: int,
    scale: float,
    workspace: DecodeWorkspace,
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
    """Attends from the last token of each sequence, whose K and V are in the pool already.

    Args:
        query: [batch, num_heads, head_dim].
        keys: One layer of the pool, [slots, num_kv_heads, head_dim].
        values: [slots, num_kv_heads, value_dim].
        page_table: int32 [batch, max_pages]; entries behind a sequence's pages are not read.
        seq_lens: int32 [batch], tokens with this step's; 0 is a padding row, whose result is zeros.
        page_size: Tokens of a page, a power of two.
        scale: Scores are multiplied with it.
        workspace: Overwritten.
        window: The token sees itself and ``window - 1`` before; None sees all.
        softcap: Scores become ``softcap * tanh(scores / softcap)``.
        sinks: float32 [num_heads], a score that takes its share of the softmax and has no value.
        key_multipliers: float32 [slots, num_kv_heads] of 8-bit codes (`sgl.kvcache.codec`).
        value_multipliers: Like key_multipliers.
        storage: How the pool keeps K and V; None is as they are.
        dependent: Stage 1 is launched to start before the kernel in front of it has ended.
        out: [batch, num_heads, value_dim], contiguous, written and returned.
        lse: float32 [batch, num_heads], contiguous; log-sum-exps in base e are written to it, sinks included, and -inf
            for padding rows.

    Returns:
        [batch, num_heads, value_dim] in query's type.

    Raises:
        ValueError: Shapes, types or strides do not fit. The workspace is too small.
    """
    check_pool(query, keys, values, key_multipliers, value_multipliers, storage, page_size)
    batch, num_heads, head_dim = query.shape
    _, num_kv_heads, value_dim = values.shape
    group = num_heads // num_kv_heads
    out = results(query, value_dim, out, lse)
    if not batch:
        return out
    tiles = decode_tiles(group, max(head_dim, value_dim), keys.element_size())
    blocks = head_blocks(group) * num_kv_heads
    splits = decode_splits(batch, blocks, workspace.multiprocessors)
    arrivals = workspace.arrivals if merges_itself(group, splits, value_dim) else None
    rows = batch * num_heads * splits
    short = workspace.sums.numel() < rows or workspace.partial.numel() < rows * value_dim
    if short or (arrivals is not None and arrivals.numel() < batch * blocks):
        raise ValueError(f"the workspace of decode attention was allocated for fewer than {batch} sequences")
    inner, outer = score_factors(scale, softcap)
    # How each sequence is split: the same for both stages.
    shares = max(1, PROGRAMS * workspace.multiprocessors // blocks)
    split_alike: dict[str, Any] = cut(tiles, windowed=window is not None)
    early = starts_early(query.device, dependent)
    attend_splits[(blocks, batch, splits)](
        query,
        keys,
        values,
        key_multipliers,
        value_multipliers,
        page_table,
        seq_lens,
        workspace.partial,
        workspace.sums,
        arrivals,
        sinks,
        out,
        lse,
        batch,
        shares,
        window or 0,
        splits,
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
        VALUE=value_dim,
        PAGE=page_size,
        OPERAND=operand_type(query, keys, storage),
        STORAGE=storage_code(storage),
        CAPPED=softcap is not None,
        DEPENDENT=early,
        **split_alike,
        **attend_shape(tiles, head_dim, value_dim),
        **last_shape(group, value_dim),
        num_warps=tiles.warps,
        num_stages=tiles.stages,
        maxnreg=registers_for(storage),
        launch_pdl=early,
    )
    if arrivals is not None:
        return out
    merge_splits[(num_heads, batch)](
        workspace.partial,
        workspace.sums,
        seq_lens,
        sinks,
        out,
        lse,
        batch,
        shares,
        window or 0,
        splits,
        VALUE=value_dim,
        DEPENDENT=early,
        **split_alike,
        **merge_shape(splits, value_dim),
        num_warps=MERGE_WARPS,
        launch_pdl=early,
    )
    return out


def _attends(case: AttentionCase, *, merges: bool = False) -> Variant:
    tiles = decode_tiles(case.group, max(case.head_dim, case.value_dim), case.element_size, small=False)
    constants = {
        **cut(tiles, windowed=case.window is not None),
        **attend_shape(tiles, case.head_dim, case.value_dim),
        **last_shape(case.group, case.value_dim),
        **({} if merges else dict.fromkeys(("arrivals", "sinks", "out"))),
    }
    label = "decode and merge" if merges else "decode"
    variant = case.variant(attend_splits, label, constants, warps=tiles.warps, stages=tiles.stages, matrix=True)
    limit = registers_for(case.storage)
    return replace(variant, maxnreg=limit, registers=MOST_REGISTERS, fences=merges)


def _merges(case: AttentionCase, splits: int) -> Variant:
    tiles = decode_tiles(case.group, max(case.head_dim, case.value_dim), case.element_size, small=False)
    constants = {
        **cut(tiles, windowed=case.window is not None),
        **merge_shape(splits, case.value_dim),
    }
    label = f"decode merge of {splits}"
    return case.variant(merge_splits, label, constants, warps=MERGE_WARPS, stages=3, matrix=False)


VARIANTS: Final = (
    *(_attends(case, merges=True) for case in CASES),
    *(_attends(case) for case in CASES),
    _merges(LLAMA, FEWEST_SPLITS),
    _merges(GPT_OSS, MOST_SPLITS),
)
