"""Intermediate tensors of attention, by heads or over compressed vectors."""

from __future__ import annotations

from typing import Final

from sgl.config.kv import PIECE_TOKENS, TILE_ELEMENTS
from sgl.config.latent import EXPANDED_ELEMENTS, LatentConfig
from sgl.plan.demand import Demand

WIDE_COPIES: Final = 4
"""Queries that meet compressed vectors: absorbed, with their positional part, folded, and what comes of them."""
SUMS: Final = 3
"""The same in float32 where parts of a softmax are merged: so far, and two weighted parts."""
EXPANDED: Final = 4
"""Keys and values of a block of compressed vectors: as they are made, and padded to one width."""
SPLITS: Final = 4
FIXED_SPLITS: Final = 16
"""Parts of a context that a GPU's decode step computes apart, for large batches (`sgl.kernels.triton`): usually, and
where results are to be deterministic."""
FLOAT32_BYTES: Final = 4


def attention_bytes(demand: Demand) -> int:
    """Peak of one rank's tensors in a step, beside the residual stream and its norm."""
    model = demand.model
    heads = -(-model.num_heads // demand.tp)
    if model.latent is not None:
        return _latent_bytes(demand, model.latent, heads)
    q_width = heads * model.head_dim
    kv_width = -(-model.num_kv_heads // demand.tp) * model.head_dim
    # The projections, rotated, and as attention takes them.
    return demand.chunk * 3 * (q_width + 2 * kv_width) * demand.element_bytes


def gathered_bytes(demand: Demand) -> int:
    """What is copied from the KV pool, or made of it, for one call of attention; a GPU's kernels read it in place.

    They merge parts of long contexts instead, which takes a float32 row of each part.
    """
    model = demand.model
    if demand.place.kind == "cuda":
        width = model.head_dim if model.latent is None else model.latent.cached_width
        splits = FIXED_SPLITS if demand.deterministic else SPLITS
        return demand.running * -(-model.num_heads // demand.tp) * splits * (width + 1) * FLOAT32_BYTES
    if model.latent is not None:
        return EXPANDED * EXPANDED_ELEMENTS * demand.element_bytes
    kv_width = -(-model.num_kv_heads // demand.tp) * model.head_dim
    expands = demand.kv_scale_bytes > 0
    read_bytes = FLOAT32_BYTES if expands else demand.kv_element_bytes
    tokens = min(demand.max_model_len, max(PIECE_TOKENS, demand.chunk))
    widens = model.attention_softcap is not None and read_bytes < FLOAT32_BYTES
    tile = TILE_ELEMENTS * FLOAT32_BYTES if expands or widens else 0
    return 2 * (tokens * kv_width * read_bytes + tile)


def _latent_bytes(demand: Demand, latent: LatentConfig, heads: int) -> int:
    """All rows may be absorbed, which takes more than to expand them."""
    query = latent.nope_dim + latent.rope_dim
    wide = max(latent.cached_width, query, latent.value_dim)
    row = 2 * query * demand.element_bytes + wide * (WIDE_COPIES * demand.element_bytes + SUMS * FLOAT32_BYTES)
    return demand.chunk * heads * row
