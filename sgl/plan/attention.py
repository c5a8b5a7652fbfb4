"""Intermediate tensors of attention, by heads or over compressed vectors."""

from __future__ import annotations

from typing import Final

from sgl.config.kv import PIECE_TOKENS, TILE_ELEMENTS
from sgl.config.latent import EXPANDED_ELEMENTS, LatentConfig
from sgl.config.latent_room import LatentRoom
from sgl.plan.demand import Demand

WIDE_COPIES: Final = 4
"""Queries that meet compressed vectors: absorbed, with their positional part, folded, and what comes of them."""
SUMS: Final = 3
"""The same in float32 where parts of a softmax are merged: so far, and two weighted parts."""
EXPANDED: Final = 4
"""Keys and values of a block of compressed vectors: as they are made, and padded to one width."""
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
    """What is copied from the KV pool, or made of it, for one call of attention; a GPU's kernels read it in place."""
    model = demand.model
    if demand.place.kind == "cuda":
        return 0
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
    """On a CPU all rows may be absorbed, which takes more than to expand them; a GPU computes them in parts.

    On a GPU with another backend than our kernels, which is only used when asked for, all are absorbed at once. What
    that takes is measured before the pool is made.
    """
    query = latent.nope_dim + latent.rope_dim
    if demand.place.kind == "cuda":
        longest, batch = max(demand.max_model_len, demand.chunk), max(demand.running, demand.largest_graph)
        room = LatentRoom(latent=latent, heads=heads, longest=longest, batch=batch)
        # Queries before and after they are joined, and results.
        return (demand.chunk * heads * (2 * query + latent.value_dim) + room.elements) * demand.element_bytes
    wide = max(latent.cached_width, query, latent.value_dim)
    row = 2 * query * demand.element_bytes + wide * (WIDE_COPIES * demand.element_bytes + SUMS * FLOAT32_BYTES)
    return demand.chunk * heads * row
