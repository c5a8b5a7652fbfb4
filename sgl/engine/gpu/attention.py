"""The KV pool on a GPU, and the attention over it, by the backend that was chosen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import torch

from sgl.attention.flashinfer import FlashInferAttention
from sgl.attention.flashinfer_latent import FlashInferLatentAttention
from sgl.attention.flashinfer_pages import StepPages
from sgl.attention.paged_torch import TorchAttention, TorchLatentAttention
from sgl.attention.triton import TritonAttention
from sgl.attention.triton_fixed import FixedTritonAttention
from sgl.attention.triton_latent import TritonLatentAttention
from sgl.config.engine import ResolvedConfig
from sgl.config.flashinfer import step_pages, step_sequences
from sgl.config.kv import KvStorage
from sgl.config.latent import LatentConfig
from sgl.config.latent_room import LatentRoom
from sgl.config.model import ModelConfig
from sgl.engine.gpu.runner import PagedBackend
from sgl.engine.memory import is_out_of_memory
from sgl.errors import StartupError
from sgl.kvcache.latent import LatentPool
from sgl.kvcache.latent_scaled import ScaledLatentPool
from sgl.kvcache.pool import KVPool
from sgl.kvcache.scaled import ScaledPool

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
        latent, backend = self.model.latent, self.resolved.attention_backend
        if latent is None:
            pool = self._pool(pages)
            if backend == "torch":
                return self._torch(pool)
            return self._flashinfer(pool, pages) if backend == "flashinfer" else self._triton(pool)
        vectors = self._latent_pool(latent, pages)
        if backend == "torch":
            return self._torch_latent(latent, vectors)
        if backend == "flashinfer":
            return self._flashinfer_latent(latent, vectors, pages)
        return self._triton_latent(latent, vectors)

    @property
    def _multiprocessors(self) -> int:
        return self.resolved.multiprocessors or INTERPRETED_MULTIPROCESSORS

    @property
    def _largest_batch(self) -> int:
        return max(self.resolved.max_running_requests, self.resolved.cuda_graph_max_bs)

    def _pool(self, pages: int) -> KVPool | ScaledPool:
        model = self.model
        kv_heads, head_dim, page_size = model.num_kv_heads, model.head_dim, self.resolved.page_size
        return (
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

    def _latent_pool(self, latent: LatentConfig, pages: int) -> LatentPool | ScaledLatentPool:
        layers, page_size = self.model.num_layers, self.resolved.page_size
        return (
            LatentPool(
                num_layers=layers,
                num_pages=pages,
                page_size=page_size,
                width=latent.cached_width,
                dtype=self.dtype,
                device=self.device,
            )
            if self.storage is None
            else ScaledLatentPool(
                num_layers=layers,
                num_pages=pages,
                page_size=page_size,
                parts=(latent.kv_rank, latent.rope_dim),
                storage=self.storage,
                device=self.device,
            )
        )

    def _torch(self, pool: KVPool | ScaledPool) -> PagedBackend:
        model = self.model
        return TorchAttention(
            pool,
            page_size=self.resolved.page_size,
            windows=model.windows,
            softcap=model.attention_softcap,
            scale=model.attention_scale,
        )

    def _torch_latent(self, latent: LatentConfig, pool: LatentPool | ScaledLatentPool) -> PagedBackend:
        scale, page_size = self.model.attention_scale, self.resolved.page_size
        return TorchLatentAttention(pool, latent=latent, page_size=page_size, scale=scale)

    def _flashinfer(self, pool: KVPool | ScaledPool, pages: int) -> PagedBackend:
        assert isinstance(pool, KVPool), "8-bit caches were refused"
        model = self.model
        with _told_plainly():
            attention = FlashInferAttention(
                pool,
                heads=model.num_heads,
                windows=model.windows,
                softcap=model.attention_softcap,
                scale=model.attention_scale,
                pages=self._step_pages(pages),
                multiprocessors=self._multiprocessors,
                largest_captured=self.resolved.cuda_graph_max_bs,
                device=self.device,
            )
            attention.warm_up()
        return attention

    def _flashinfer_latent(self, latent: LatentConfig, pool: LatentPool | ScaledLatentPool, pages: int) -> PagedBackend:
        assert isinstance(pool, LatentPool), "8-bit caches were refused"
        with _told_plainly():
            attention = FlashInferLatentAttention(
                pool,
                latent=latent,
                heads=self.model.num_heads,
                scale=self.model.attention_scale,
                pages=self._step_pages(pages),
                dependent=True,
                device=self.device,
            )
            attention.warm_up()
        return attention

    def _step_pages(self, pages: int) -> StepPages:
        """With room for the longest sequences a pool can hold, and for the prompt that memory is measured with."""
        sequences, size = self._largest_batch, self.resolved.page_size
        longest = min(pages, -(-self.resolved.max_model_len // size))
        chunk = -(-self.resolved.chunked_prefill_size // size)
        return StepPages(
            sequences=step_sequences(sequences),
            indices=step_pages(sequences, longest, chunk),
            page_size=size,
            device=self.device,
        )

    def _triton(self, pool: KVPool | ScaledPool) -> PagedBackend:
        model, resolved = self.model, self.resolved
        make = FixedTritonAttention if resolved.deterministic else TritonAttention
        return make(
            pool,
            heads=model.num_heads,
            page_size=resolved.page_size,
            windows=model.windows,
            softcap=model.attention_softcap,
            scale=model.attention_scale,
            largest_batch=self._largest_batch,
            multiprocessors=self._multiprocessors,
            dependent=True,
            device=self.device,
        )

    def _triton_latent(self, latent: LatentConfig, pool: LatentPool | ScaledLatentPool) -> PagedBackend:
        model, resolved = self.model, self.resolved
        attention = TritonLatentAttention(
            pool,
            room=LatentRoom(
                latent=latent,
                heads=model.num_heads,
                longest=max(resolved.max_model_len, resolved.chunked_prefill_size),
                batch=self._largest_batch,
            ),
            page_size=resolved.page_size,
            scale=model.attention_scale,
            multiprocessors=self._multiprocessors,
            deterministic=resolved.deterministic,
            dependent=True,
            device=self.device,
        )
        attention.warm_up(self.dtype)
        return attention


@contextmanager
def _told_plainly() -> Iterator[None]:
    """FlashInfer compiles kernels when they are first used, and a compiler that is missing says so in many lines.

    Raises:
        StartupError: It cannot be imported, or its kernels cannot be made or run.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, RuntimeError) and is_out_of_memory(error):
            raise
        said = next(iter(str(error).splitlines()), "")
        raise StartupError(
            f"FlashInfer's kernels do not run here: {type(error).__name__}: {said}",
            hint="use --attention-backend triton",
        ) from error
