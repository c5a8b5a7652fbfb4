"""The KV pool on a GPU, and the attention over it, by the backend that was chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch

from sgl.attention.triton import TritonAttention
from sgl.attention.triton_latent import TritonLatentAttention
from sgl.config.engine import ResolvedConfig
from sgl.config.kv import KvStorage
from sgl.config.model import ModelConfig
from sgl.engine.gpu.runner import PagedBackend
from sgl.kvcache.latent import LatentPool
from sgl.kvcache.latent_scaled import ScaledLatentPool
from sgl.kvcache.pool import KVPool
from sgl.kvcache.scaled import ScaledPool

FIRST_DEPENDENT: Final = 90
"""Compute capability from which kernels can be launched before the one in front of them has ended."""
INTERPRETED_MULTIPROCESSORS: Final = 4


@dataclass(frozen=True, slots=True)
class GpuAttention:
    """Makes pools of any size with their attention; everything else is decided.

    Attributes:
        dtype: Of what is kept, unless ``storage`` says otherwise.
        storage: A narrower type of what is kept, or None.
    """

    model: ModelConfig
    resolved: ResolvedConfig
    dtype: torch.dtype
    storage: KvStorage | None
    device: torch.device

    def make(self, pages: int) -> PagedBackend:
        """A pool of ``pages``, and the attention over it."""
        return self._by_heads(pages) if self.model.latent is None else self._latent(pages)

    @property
    def _dependent(self) -> bool:
        return self.resolved.capability >= FIRST_DEPENDENT

    @property
    def _multiprocessors(self) -> int:
        return self.resolved.multiprocessors or INTERPRETED_MULTIPROCESSORS

    @property
    def _largest_batch(self) -> int:
        return max(self.resolved.max_running_requests, self.resolved.cuda_graph_max_bs)

    def _by_heads(self, pages: int) -> PagedBackend:
        model, resolved = self.model, self.resolved
        kv_heads, head_dim, page_size = model.num_kv_heads, model.head_dim, resolved.page_size
        pool = (
            KVPool(
                num_layers=model.num_layers,
                num_pages=pages,
                page_size=page_size,
                num_kv_heads=kv_heads,
                head_dim=head_dim,
                dtype=self.dtype,
                device=self.device,
            )
            if self.storage is None
            else ScaledPool(
                num_layers=model.num_layers,
                num_pages=pages,
                page_size=page_size,
                num_kv_heads=kv_heads,
                head_dim=head_dim,
                storage=self.storage,
                device=self.device,
            )
        )
        return TritonAttention(
            pool,
            heads=model.num_heads,
            page_size=page_size,
            windows=model.windows,
            softcap=model.attention_softcap,
            scale=model.attention_scale,
            largest_batch=self._largest_batch,
            multiprocessors=self._multiprocessors,
            deterministic=resolved.deterministic,
            dependent=self._dependent,
            device=self.device,
        )

    def _latent(self, pages: int) -> PagedBackend:
        model, resolved, latent = self.model, self.resolved, self.model.latent
        assert latent is not None, "asked for a model that has it"
        pool = (
            LatentPool(
                num_layers=model.num_layers,
                num_pages=pages,
                page_size=resolved.page_size,
                width=latent.cached_width,
                dtype=self.dtype,
                device=self.device,
            )
            if self.storage is None
            else ScaledLatentPool(
                num_layers=model.num_layers,
                num_pages=pages,
                page_size=resolved.page_size,
                parts=(latent.kv_rank, latent.rope_dim),
                storage=self.storage,
                device=self.device,
            )
        )
        return TritonLatentAttention(
            pool,
            latent=latent,
            heads=model.num_heads,
            page_size=resolved.page_size,
            scale=model.attention_scale,
            largest_batch=self._largest_batch,
            multiprocessors=self._multiprocessors,
            deterministic=resolved.deterministic,
            dependent=self._dependent,
            device=self.device,
        )
