"""The KV pool and the attention over it, by what kind of attention a model has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from sgl.attention.cpu import CpuAttention
from sgl.attention.latent import CpuLatentAttention
from sgl.batch.context import Attention, LatentAttention, Span
from sgl.config.kv import KvStorage
from sgl.config.model import ModelConfig
from sgl.kvcache.latent import LatentPool, VectorPool
from sgl.kvcache.latent_scaled import ScaledLatentPool
from sgl.kvcache.pool import KVPool, Pool
from sgl.kvcache.scaled import ScaledPool


class AttentionBackend(Protocol):
    """Plans the attention of batches over one pool."""

    @property
    def pool(self) -> Pool:
        """What is kept of all pages."""
        ...

    def plan(self, spans: Sequence[Span], slots: Tensor) -> Attention | LatentAttention:
        """Plans one batch.

        Args:
            spans: The batch's entries, covering its rows in order.
            slots: int64 [tokens], where what is kept of each new token goes.
        """
        ...


def make_attention(
    model: ModelConfig,
    *,
    pages: int,
    page_size: int,
    dtype: torch.dtype,
    deterministic: bool,
    storage: KvStorage | None = None,
) -> AttentionBackend:
    """A pool of ``pages`` on the CPU, and the attention over it.

    Args:
        dtype: Of what is kept, unless ``storage`` says otherwise.
        deterministic: The same bits whatever the batch and chunks.
        storage: A narrower type of what is kept.
    """
    cpu = torch.device("cpu")
    shape = {"num_layers": model.num_layers, "num_pages": pages, "page_size": page_size}
    latent = model.latent
    if latent is not None:
        parts = (latent.kv_rank, latent.rope_dim)
        vectors: VectorPool = (
            LatentPool(**shape, width=latent.cached_width, dtype=dtype, device=cpu)
            if storage is None
            else ScaledLatentPool(**shape, parts=parts, storage=storage, device=cpu)
        )
        return CpuLatentAttention(
            vectors,
            latent=latent,
            heads=model.num_heads,
            scale=model.attention_scale,
            deterministic=deterministic,
        )
    heads = {"num_kv_heads": model.num_kv_heads, "head_dim": model.head_dim}
    pool: Pool = (
        KVPool(**shape, **heads, dtype=dtype, device=cpu)
        if storage is None
        else ScaledPool(**shape, **heads, storage=storage, device=cpu)
    )
    return CpuAttention(
        pool,
        windows=model.windows,
        softcap=model.attention_softcap,
        scale=model.attention_scale,
        deterministic=deterministic,
    )
