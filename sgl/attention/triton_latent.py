"""Multi-head latent attention on a GPU by our own kernels, all of it absorbed (`sgl.kernels.latent`).

Prompts, too: a long one would cost fewer products with its keys and values expanded, as the CPU does, but kernels for
that are not written yet.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sgl.attention.triton import starts_behind
from sgl.batch.paged import HostLayout, PagedBatch
from sgl.config.latent import LatentConfig
from sgl.kernels.latent import KvUp
from sgl.kernels.triton.latent import LatentLayer
from sgl.kernels.triton.latent_attention import latent_attention
from sgl.kernels.triton.latent_decode import latent_decode, latent_workspace
from sgl.kernels.triton.latent_write import write_latent
from sgl.kvcache.latent import LatentPool
from sgl.kvcache.latent_scaled import ScaledLatentPool

AnyLatentPool = LatentPool | ScaledLatentPool


class TritonLatentAttention:
    """Plans batches over one pool of vectors.

    Args:
        latent: Widths of the model's vectors.
        heads: Query heads.
        page_size: Tokens of a page, a power of two.
        scale: Scores are multiplied with it; None is the root of the query's width.
        largest_batch: Most sequences of one token in a step.
        multiprocessors: Of the GPU.
        deterministic: The same bits whatever the batch and chunks.
        dependent: The GPU starts a kernel before the one in front has ended.
    """

    plans_on_host = False

    def __init__(
        self,
        pool: AnyLatentPool,
        *,
        latent: LatentConfig,
        heads: int,
        page_size: int,
        scale: float | None,
        largest_batch: int,
        multiprocessors: int,
        deterministic: bool,
        dependent: bool,
        device: torch.device,
    ) -> None:
        self.pool = pool
        self.latent = latent
        self.page_size = page_size
        self.scale = (latent.nope_dim + latent.rope_dim) ** -0.5 if scale is None else scale
        self.deterministic = deterministic
        self.dependent = dependent
        self.workspace = latent_workspace(
            largest_batch=largest_batch,
            heads=heads,
            rank=latent.kv_rank,
            multiprocessors=multiprocessors,
            fixed_splits=False,
            device=device,
        )

    def plan(self, batch: PagedBatch) -> PlannedTritonLatent:
        """Nothing is computed: kernels find their work on the device."""
        return PlannedTritonLatent(self, batch)

    def prepare(self, host: HostLayout) -> None:
        """Nothing, for the same reason."""

    def layer(self, number: int) -> LatentLayer:
        """One layer of the pool, as kernels take it."""
        if isinstance(self.pool, LatentPool):
            return LatentLayer.plain(self.pool.vectors[number], self.latent.kv_rank)
        compressed, positional = self.pool.parts(number)
        return LatentLayer(
            compressed.codes.squeeze(1),
            positional.codes.squeeze(1),
            compressed.multipliers.squeeze(1),
            positional.multipliers.squeeze(1),
            self.pool.storage,
        )


class PlannedTritonLatent:
    """`sgl.batch.context.LatentAttention` of one batch."""

    def __init__(self, backend: TritonLatentAttention, batch: PagedBatch) -> None:
        self._backend = backend
        self._batch = batch
        self._decodes = 0 if backend.deterministic else batch.decodes
        self._starts = starts_behind(batch, self._decodes)

    def forward(self, layer: int, query: Tensor, latent: Tensor, up: KvUp) -> Tensor:
        """See `sgl.batch.context.LatentAttention.forward`."""
        backend, batch, decodes = self._backend, self._batch, self._decodes
        widths, stored = backend.latent, backend.layer(layer)
        write_latent(latent, batch.slots, stored, dependent=backend.dependent)
        absorbed = torch.cat([up.absorb(query[..., : widths.nope_dim]), query[..., widths.nope_dim :]], dim=-1)
        mixed = query.new_empty(*query.shape[:2], widths.kv_rank)
        if decodes:
            latent_decode(
                absorbed[:decodes],
                stored,
                batch.page_table[:decodes],
                batch.seq_lens[:decodes],
                page_size=backend.page_size,
                scale=backend.scale,
                workspace=backend.workspace,
                dependent=backend.dependent,
                out=mixed[:decodes],
            )
        if decodes < batch.sequences:
            self._extend(absorbed, stored, mixed)
        return up.mix(mixed).flatten(1)

    def _extend(self, absorbed: Tensor, stored: LatentLayer, mixed: Tensor) -> None:
        backend, batch, first = self._backend, self._batch, self._decodes
        latent_attention(
            absorbed[first:],
            stored,
            batch.page_table[first:],
            batch.seq_lens[first:],
            self._starts,
            page_size=backend.page_size,
            scale=backend.scale,
            dependent=backend.dependent,
            out=mixed[first:],
        )
