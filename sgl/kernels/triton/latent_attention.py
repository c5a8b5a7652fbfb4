"""Latent attention of new tokens of several sequences over the paged pool, absorbed and causal.

The new tokens' vectors are in the pool already. The rows of a tile are heads, and new tokens where heads do not fill
it; the tiles of all sequences are one axis of the grid, as in `sgl.kernels.triton.extend_attention`.

A row's bits depend on its own position and sequence alone: tiles have one size on one GPU, and keys come in the same
tiles from position 0 in one loop. Single tokens are another kernel's; deterministic mode has one for both
(`sgl.kernels.triton.fixed_latent`).

Every pair of query and key costs 2 * (2 * rank + rope) operations a head, 2176 with DeepSeek's widths, where expanded
keys and values cost 640 and one product per cached token (`sgl.kernels.triton.latent_expanded`): for few new tokens
behind a long prefix this is less. Not run on a GPU yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.kernels.triton.extend_kernel import sequence_of
from sgl.kernels.triton.latent import LatentLayer, LatentTiles, attend_vectors, latent_tiles, latent_variant
from sgl.kernels.triton.paged import LOG2_E, denominator
from sgl.kernels.triton.pdl import await_inputs, release_dependents, starts_early
from sgl.kernels.triton.variant import Variant

MOST_ROWS: Final = 1 << 30
"""Rows that may share a tile: new tokens of a prompt."""


def latent_attention(
    query: Tensor,
    layer: LatentLayer,
    page_table: Tensor,
    seq_lens: Tensor,
    cu_q: Tensor,
    *,
    page_size: int,
    scale: float,
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
        dependent: Launched to start before the kernel in front of it has ended.
        out: [tokens, heads, rank], contiguous, written and returned.

    Returns:
        [tokens, heads, rank] in query's type: sums of compressed vectors, which `KvUp.mix` makes values of.

    Raises:
        ValueError: Shapes, types or strides do not fit.
    """
    layer.check(query.shape[2], page_size)
    tokens, heads, _ = query.shape
    if out is None:
        out = torch.empty((tokens, heads, layer.rank), dtype=query.dtype, device=query.device)
    if not tokens:
        return out
    batch = len(seq_lens)
    tiles = latent_tiles(MOST_ROWS, layer.storage)
    shape = _shape(tiles, heads)
    blocks = triton.cdiv(heads, shape["HEADS"])
    early = starts_early(query.device, dependent)
    _extend[(tokens // shape["TOKENS"] + batch + 1, blocks)](
        query,
        *layer.tensors(),
        page_table,
        seq_lens,
        cu_q,
        out,
        tokens,
        batch,
        scale * LOG2_E.value,
        query.stride(0),
        query.stride(1),
        page_table.stride(0),
        heads,
        **layer.constants(page_size, query.dtype),
        **shape,
        DEPENDENT=early,
        num_warps=tiles.warps,
        num_stages=tiles.stages,
        launch_pdl=early,
    )
    return out


def _shape(tiles: LatentTiles, heads: int) -> dict[str, Any]:
    """A tile has as many heads as there are, and tokens where these do not fill it."""
    together = min(tiles.rows, triton.next_power_of_2(heads))
    return {"ROWS": tiles.rows, "KEYS": tiles.keys, "HEADS": together, "TOKENS": tiles.rows // together}


# A batch begins at any row of these, behind its sequences of one token.
@triton.jit(
    do_not_specialize=["tokens", "batch", "table_stride"],
    do_not_specialize_on_alignment=["page_table", "seq_lens"],
)
def _extend(
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
    out: tl.tensor,
    tokens: tl.tensor,
    batch: tl.tensor,
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
    PAGE: tl.constexpr,
    OPERAND: tl.constexpr,
    STORAGE: tl.constexpr,
    ASM: tl.constexpr,
    DEPENDENT: tl.constexpr,
) -> None:
    # The last tiles see the most keys, so they come first.
    tile = tl.num_programs(0) - 1 - tl.program_id(0)
    await_inputs(DEPENDENT)
    sequence = sequence_of(tile, cu_q, batch, 1, TOKENS)
    first_token = tl.load(cu_q + sequence)
    next_token = tl.load(cu_q + sequence + 1, mask=sequence < batch, other=0)
    count = tl.where(sequence < batch, next_token, tokens) - first_token
    first = (tile - first_token // TOKENS - sequence) * TOKENS
    if first < count:
        length = tl.load(seq_lens + sequence, mask=sequence < batch, other=0)
        row = tl.arange(0, ROWS)
        token = first + row // HEADS
        head = tl.program_id(1) * HEADS + row % HEADS
        real = (token < count) & (head < heads)
        # A padding row's position is negative, so it sees no key.
        before = length - count
        end = tl.minimum(before + first + TOKENS, length)
        element = tl.arange(0, BLOCK_RANK)
        rope = tl.arange(0, BLOCK_ROPE)
        place = (first_token + token).to(tl.int64)
        own = query + place[:, None] * query_row_stride + head[:, None] * query_head_stride
        q = tl.load(own + element[None, :], mask=real[:, None] & (element < RANK)[None, :], other=0.0)
        q_rope = tl.load(own + RANK + rope[None, :], mask=real[:, None] & (rope < ROPE)[None, :], other=0.0)
        _, total, mixed = attend_vectors(
            0, end, before + token, q.to(OPERAND), q_rope.to(OPERAND),
            page_table + sequence.to(tl.int64) * table_stride,
            compressed, positional, compressed_multipliers, positional_multipliers,
            compressed_stride, positional_stride, compressed_multiplier_stride, positional_multiplier_stride, inner,
            RANK, ROPE, BLOCK_RANK, BLOCK_ROPE, ROWS, KEYS, PAGE, OPERAND, STORAGE, ASM,
        )  # fmt: skip
        release_dependents(DEPENDENT)
        at = out + (place * heads + head)[:, None] * RANK + element[None, :]
        result = (mixed / denominator(total)[:, None]).to(out.dtype.element_ty)
        tl.store(at, result, mask=real[:, None] & (element < RANK)[None, :])


def _variants() -> Iterator[Variant]:
    cases: tuple[tuple[int, str, KvStorage | None], ...] = (
        (16, "bf16", None),
        (128, "bf16", None),
        (128, "fp8", "fp8_e4m3"),
        (128, "int8", "int8"),
    )
    for heads, label, storage in cases:
        tiles = latent_tiles(MOST_ROWS, storage)
        shape = _shape(tiles, heads)
        yield latent_variant(f"latent_attention {label} {heads} heads", _extend, tiles, shape, storage=storage)


VARIANTS: Final = tuple(_variants())
