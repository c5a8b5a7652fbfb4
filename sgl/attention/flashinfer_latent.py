"""Multi-head latent attention on a GPU by FlashInfer's kernel, all of it absorbed (`sgl.kernels.latent`).

One kernel takes single queries and longer ones, so a batch is one plan. Otherwise like `sgl.attention.flashinfer`, but
that its plans cannot share their place: each captured size takes 8 MiB on the device, and as much page-locked.
Written against FlashInfer 0.6; not run on a GPU.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sgl.attention.flashinfer_pages import PartLengths, StepPages, told
from sgl.batch.paged import HostLayout, PagedBatch
from sgl.config.flashinfer import LEAST_WORKSPACE
from sgl.config.latent import LatentConfig
from sgl.kernels.latent import KvUp
from sgl.kernels.triton.latent import LatentLayer
from sgl.kernels.triton.latent_write import write_latent
from sgl.kvcache.latent import LatentPool


class FlashInferLatentAttention:
    """Plans batches over one pool of vectors.

    Args:
        latent: Widths of the model's vectors.
        heads: Query heads.
        scale: Scores are multiplied with it; None is the root of the query's width.
        pages: Places of a step's lengths and pages.
        dependent: The GPU starts our kernels before the one in front has ended.
    """

    plans_on_host = True

    def __init__(
        self,
        pool: LatentPool,
        *,
        latent: LatentConfig,
        heads: int,
        scale: float | None,
        pages: StepPages,
        dependent: bool,
        device: torch.device,
    ) -> None:
        # Imported here: nothing else needs it, and it takes seconds.
        from flashinfer.mla import BatchMLAPagedAttentionWrapper

        self.pool = pool
        self.latent = latent
        self.heads = heads
        self.pages = pages
        self.dependent = dependent
        self._scale = (latent.nope_dim + latent.rope_dim) ** -0.5 if scale is None else scale
        self._device = device
        self._wrapper: Any = BatchMLAPagedAttentionWrapper
        self._workspace = torch.zeros(LEAST_WORKSPACE, dtype=torch.uint8, device=device)
        # Rows of captured steps: one for each sequence.
        self._rows = torch.zeros(len(pages.starts), dtype=torch.int32, device=device)
        self._eager: Any = self._wrapper(self._workspace)
        self._captured: dict[int, Any] = {}

    def plan(self, batch: PagedBatch) -> PlannedFlashInferLatent:
        """Plans a step, or takes what `prepare` has planned for a captured one of its size."""
        if batch.host is None:
            planned = PlannedFlashInferLatent(self, batch, self._captured[batch.sequences])
        else:
            self.pages.begin()
            lengths = self.pages.lengths(told(batch))
            self.pages.send_starts(lengths)
            self._plan(self._eager, lengths, self.pages.indices)
            self.pages.end()
            planned = PlannedFlashInferLatent(self, batch, self._eager)
        self.pages.flatten(batch)
        return planned

    def prepare(self, host: HostLayout) -> None:
        """Plans a captured step of one token for each sequence, before it is captured and before each launch."""
        count = host.sequences
        if count not in self._captured:
            self._captured[count] = self._wrapper(
                self._workspace,
                use_cuda_graph=True,
                qo_indptr=self._rows[: count + 1],
                kv_indptr=self.pages.starts[: count + 1],
                kv_indices=self.pages.indices,
                kv_len_arr=self.pages.last[:count],
            )
        self.pages.begin()
        # The pages come with the step.
        self._plan(self._captured[count], self.pages.lengths(host), self.pages.indices[:0])
        self.pages.end()

    def warm_up(self) -> None:
        """Has the kernel compiled: in the midst of requests it would take minutes."""
        batch = PagedBatch.padding((1, 2), self._device)
        shape = (batch.slots.shape[0], self.heads, self.latent.cached_width)
        query = torch.zeros(shape, dtype=self.pool.dtype, device=self._device)
        self.plan(batch).mixed(0, query)

    def _plan(self, wrapper: Any, lengths: PartLengths, indices: Tensor) -> None:
        wrapper.plan(
            lengths.rows,
            lengths.pages,
            indices,
            lengths.tokens,
            num_heads=self.heads,
            head_dim_ckv=self.latent.kv_rank,
            head_dim_kpe=self.latent.rope_dim,
            page_size=self.pages.page_size,
            causal=True,
            sm_scale=self._scale,
            q_data_type=self.pool.dtype,
            kv_data_type=self.pool.dtype,
        )


class PlannedFlashInferLatent:
    """`sgl.batch.context.LatentAttention` of one batch.

    Args:
        wrapper: Planned.
    """

    def __init__(self, backend: FlashInferLatentAttention, batch: PagedBatch, wrapper: Any) -> None:
        self._backend = backend
        self._batch = batch
        self._wrapper = wrapper

    def forward(self, layer: int, query: Tensor, latent: Tensor, up: KvUp) -> Tensor:
        """See `sgl.batch.context.LatentAttention.forward`."""
        backend = self._backend
        widths = backend.latent
        stored = LatentLayer.plain(backend.pool.vectors[layer], widths.kv_rank)
        write_latent(latent, self._batch.slots, stored, dependent=backend.dependent)
        absorbed = torch.cat([up.absorb(query[..., : widths.nope_dim]), query[..., widths.nope_dim :]], dim=-1)
        return up.mix(self.mixed(layer, absorbed)).flatten(1)

    def mixed(self, layer: int, absorbed: Tensor) -> Tensor:
        """Weighted sums of compressed vectors, [tokens, heads, kv_rank], of queries [tokens, heads, width]."""
        rank = self._backend.latent.kv_rank
        vectors = self._backend.pool.vectors[layer]
        by_page = vectors.view(-1, self._backend.pages.page_size, vectors.shape[1])
        out = absorbed.new_empty(*absorbed.shape[:2], rank)
        self._wrapper.run(absorbed[..., :rank], absorbed[..., rank:], by_page[..., :rank], by_page[..., rank:], out=out)
        return out
