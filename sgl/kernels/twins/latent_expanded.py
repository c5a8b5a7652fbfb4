"""Twins of `sgl.kernels.triton.latent_gather` and `sgl.kernels.triton.latent_expanded`."""

from __future__ import annotations

import torch
from torch import Tensor


def gather_latents(vectors: Tensor, page_table: Tensor, seq_lens: Tensor, *, page_size: int) -> Tensor:
    """All sequences' vectors one behind the other, [tokens, width], of one layer as it is read, [slots, width]."""
    parts = [vectors[:0]]
    for row, length in zip(page_table.long(), seq_lens.tolist(), strict=True):
        positions = torch.arange(length, device=vectors.device)
        parts.append(vectors[row[positions // page_size] * page_size + positions % page_size])
    return torch.cat(parts)


def expanded_attention(
    query: Tensor,
    keys: Tensor,
    positional: Tensor,
    values: Tensor,
    seq_lens: Tensor,
    cu_q: Tensor,
    cu_k: Tensor,
    *,
    scale: float,
) -> Tensor:
    """float32 [tokens, heads, value_dim]; rows that pad are zeros.

    See `sgl.kernels.triton.latent_expanded.expanded_attention`.
    """
    heads = len(keys)
    out = torch.zeros(len(query), heads, values.shape[2], device=query.device)
    shared = positional.float().expand(heads, -1, -1)
    whole = torch.cat([keys.float(), shared], dim=-1)
    for sequence, length in enumerate(seq_lens.tolist()):
        first, end = cu_q[sequence : sequence + 2].tolist()
        begun = int(cu_k[sequence])
        for row in range(first, end if length else first):
            seen = slice(begun, begun + length - (end - row) + 1)
            weights = torch.einsum("hd,hkd->hk", query[row].float(), whole[:, seen] * scale).softmax(dim=-1)
            out[row] = torch.einsum("hk,hkd->hd", weights, values[:, seen].float())
    return out
