"""Twin of `sgl.kernels.triton.latent_attention` and, with one new token a sequence, of `latent_decode`."""

from __future__ import annotations

import torch
from torch import Tensor


def latent_attention(
    query: Tensor,
    vectors: Tensor,
    rank: int,
    page_table: Tensor,
    seq_lens: Tensor,
    cu_q: Tensor,
    *,
    page_size: int,
    scale: float,
) -> Tensor:
    """float32 [tokens, heads, rank]; rows that pad are zeros.

    Args:
        query: Absorbed, [tokens, heads, width].
        vectors: One layer of the pool as it is read, float [slots, width].
        rank: Elements of a vector that are its value.
        page_table: int32 [batch, max_pages].
        seq_lens: int32 [batch].
        cu_q: int32 [batch + 1].
    """
    out = torch.zeros(*query.shape[:2], rank)
    for sequence, length in enumerate(seq_lens.tolist()):
        first, end = cu_q[sequence : sequence + 2].tolist()
        positions = torch.arange(length)
        slots = page_table[sequence].long()[positions // page_size] * page_size + positions % page_size
        own = vectors[slots].float()
        for row in range(first, end if length else first):
            seen = own[: length - (end - row) + 1]
            weights = (query[row].float() @ seen.T * scale).softmax(dim=-1)
            out[row] = weights @ seen[:, :rank]
    return out


def write_latent(latent: Tensor, slots: Tensor, vectors: Tensor) -> None:
    """Stores float [tokens, width] in ``vectors`` [slots, width], but for tokens whose slot is negative."""
    kept = slots >= 0
    vectors[slots[kept]] = latent[kept].to(vectors.dtype)
