"""Attention of new tokens of several sequences over the paged pool: prompts, chunks of them, and drafts to verify.

The new tokens' K and V are in the pool already, so what is attended to is what a later step will find. The rows of a
tile are new tokens times the query heads of one KV head. The tiles of all sequences are one axis of the grid: tile
``floor(cu_q[b] * group / rows) + b`` and those after it are sequence b's, which leaves room for each one's last tile
and needs no plan made by the host. The last tiles come first, because they see the most keys.

A tile passes keys in three loops: where a window begins, where all of its rows see all keys, and along the diagonal.
Only the first and the last of them compare positions. Expected work is 4 * head_dim operations for each pair of query
head and key that is visible, at the rate of matrix products; not run on a GPU yet.

Bits of a row depend on the batch, because tiles do; `sgl.kernels.triton.fixed_attention` is for deterministic mode.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import triton
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.kernels.triton.attention_case import CASES, AttentionCase
from sgl.kernels.triton.codec import storage_code
from sgl.kernels.triton.extend_kernel import extend
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

LARGE_TILE_BYTES: Final = 16384
"""Of K, and of V, on such a GPU: three of each beside the queries are 128 KiB."""
TILE_BYTES: Final = 8192
"""Elsewhere, where a block may have no more than 99 KiB, and registers are what is short."""


@dataclass(frozen=True)
class ExtendTiles:
    """How the work is cut.

    Attributes:
        rows: New tokens times query heads of a tile, a power of two.
        keys: Tokens of the pool in a tile, a power of two.
    """

    rows: int
    keys: int
    warps: int
    stages: int


def extend_tiles(
    longest_rows: int,
    head_dim: int,
    element_size: int,
    capability: int,
    *,
    small: bool = INTERPRETED,
) -> ExtendTiles:
    """Chooses by shapes and the GPU; the figures are those at which code keeps to registers and shared memory.

    Args:
        longest_rows: The most rows of a sequence.
        head_dim: The larger size of K's and V's heads.
        element_size: Of the pool, bytes.
        capability: The GPU's compute capability times 10.
    """
    if small:
        return ExtendTiles(16, 16, 4, 1)
    width = triton.next_power_of_2(head_dim)
    if element_size == 4:
        # Tensor cores have no exact float32: this is for comparing, not for speed.
        return ExtendTiles(16, 16, 8, 2)
    large = has_large_blocks(capability)
    # Codes become 16 bits before they are multiplied.
    keys = min(64, max(16, (LARGE_TILE_BYTES if large else TILE_BYTES) // (width * 2)))
    most = 128 if width <= 128 else 64
    if not large and (width > 128 or element_size == 1):
        # Registers run out, which codes take as well when they are expanded.
        most //= 2
    rows = min(most, max(16, triton.next_power_of_2(longest_rows)))
    if element_size == 1 and width > 128:
        keys = 16
    elif element_size == 1 and rows <= 32:
        keys = min(keys, 32)
    widest = 4096 if element_size == 1 and width <= 128 and not large else 8192
    return ExtendTiles(rows, keys, 8 if rows > 64 or rows * width > widest else 4, 3)


def extend_attention(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    page_table: Tensor,
    seq_lens: Tensor,
    cu_q: Tensor,
    *,
    longest_query: int,
    page_size: int,
    scale: float,
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
        longest_query: Most rows of a sequence, or more; tiles are chosen by it.
        page_size: Tokens of a page, a power of two.
        scale: Scores are multiplied with it.
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
        ValueError: Shapes, types or strides do not fit.
    """
    check_pool(query, keys, values, key_multipliers, value_multipliers, storage, page_size)
    tokens, num_heads, head_dim = query.shape
    _, num_kv_heads, value_dim = values.shape
    batch, group = len(seq_lens), num_heads // num_kv_heads
    out = results(query, value_dim, out, lse)
    if not tokens:
        return out
    tiles = extend_tiles(
        longest_query * group,
        max(head_dim, value_dim),
        keys.element_size(),
        compute_capability(query.device),
    )
    inner, outer = score_factors(scale, softcap)
    early = starts_early(query.device, dependent)
    # What is behind the last sequence is one more, of length 0.
    extend[(tokens * group // tiles.rows + batch + 1, num_kv_heads)](
        query,
        keys,
        values,
        key_multipliers,
        value_multipliers,
        page_table,
        seq_lens,
        cu_q,
        sinks,
        out,
        lse,
        tokens,
        batch,
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
        VALUE=value_dim,
        PAGE=page_size,
        OPERAND=operand_type(query, keys, storage),
        STORAGE=storage_code(storage),
        CAPPED=softcap is not None,
        WINDOWED=window is not None,
        DEPENDENT=early,
        **product_shape(tiles.rows, tiles.keys, head_dim, value_dim),
        num_warps=tiles.warps,
        num_stages=tiles.stages,
        launch_pdl=early,
    )
    return out


def _variant(case: AttentionCase, rows: int, capability: int) -> Variant:
    tiles = extend_tiles(rows, max(case.head_dim, case.value_dim), case.element_size, capability, small=False)
    constants = product_shape(tiles.rows, tiles.keys, case.head_dim, case.value_dim)
    label = f"extend {rows} from sm_{capability}"
    large = capability == FIRST_LARGE
    variant = case.variant(extend, label, constants, warps=tiles.warps, stages=tiles.stages, matrix=True)
    if large:
        return replace(variant, since=FIRST_LARGE, shared=LARGE_SHARED)
    return replace(variant, before=FIRST_LARGE)


VARIANTS: Final = tuple(
    variant
    for capability in (80, FIRST_LARGE)
    for variant in (
        *(_variant(case, 4096, capability) for case in CASES),
        *(_variant(case, rows, capability) for case in CASES[:3] for rows in (16, 32)),
    )
)
