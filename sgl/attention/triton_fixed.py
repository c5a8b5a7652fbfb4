"""Attention of deterministic mode on a GPU: the same bits whatever the batch, chunks and cache hits.

One kernel serves prompts and single tokens (`sgl.kernels.triton.fixed_attention`); long sequences of single tokens are
shared out to several of its programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from sgl.attention.triton import starts_behind
from sgl.batch.paged import HostLayout, PagedBatch
from sgl.kernels.fused import KvTarget
from sgl.kernels.triton.fixed_attention import fixed_attention
from sgl.kernels.triton.fixed_splits import FixedWorkspace
from sgl.kvcache.pool import PagedPool


class FixedTritonAttention:
    """Plans batches over one pool.

    Args:
        heads: Query heads.
        page_size: Tokens of a page, a power of two.
        windows: Per layer, the sliding window or None.
        softcap: Soft cap of attention scores, or None.
        scale: Scores are multiplied with it; None is head_dim ** -0.5.
        largest_batch: Most sequences of one token in a step.
        multiprocessors: Of the GPU.
        dependent: The GPU starts a kernel before the one in front has ended (compute capability 90).
    """

    plans_on_host = False

    def __init__(
        self,
        pool: PagedPool,
        *,
        heads: int,
        page_size: int,
        windows: Sequence[int | None],
        softcap: float | None,
        scale: float | None,
        largest_batch: int,
        multiprocessors: int,
        dependent: bool,
        device: torch.device,
    ) -> None:
        self.pool = pool
        self.windows = tuple(windows)
        self.workspace = FixedWorkspace.allocate(
            largest_batch=largest_batch,
            num_heads=heads,
            value_dim=pool.head_dim,
            multiprocessors=multiprocessors,
            device=device,
        )
        self.alike: dict[str, Any] = {
            "page_size": page_size,
            "scale": pool.head_dim**-0.5 if scale is None else scale,
            "softcap": softcap,
            "workspace": self.workspace,
            "dependent": dependent,
        }

    def plan(self, batch: PagedBatch) -> PlannedFixedAttention:
        """Nothing is computed: kernels find their work on the device."""
        return PlannedFixedAttention(self, batch)

    def prepare(self, host: HostLayout) -> None:
        """Nothing, for the same reason."""


class PlannedFixedAttention:
    """`sgl.batch.context.PagedAttention` of one batch."""

    def __init__(self, backend: FixedTritonAttention, batch: PagedBatch) -> None:
        self._backend = backend
        self._batch = batch
        self._starts = starts_behind(batch, batch.decodes)

    def target(self, layer: int) -> KvTarget:
        """See `sgl.batch.context.PagedAttention.target`."""
        return self._backend.pool.target(layer, self._batch.slots)

    def attend(self, layer: int, query: Tensor, sinks: Tensor | None = None) -> Tensor:
        """See `sgl.batch.context.PagedAttention.attend`."""
        batch, decodes = self._batch, self._batch.decodes
        out = torch.empty_like(query)
        if decodes:
            some = slice(0, decodes)
            self._attend(layer, query, sinks, out, some, batch.cu_q[: decodes + 1], single=True)
        if decodes < batch.sequences:
            self._attend(layer, query, sinks, out, slice(decodes, None), self._starts, single=False)
        return out.flatten(1)

    def _attend(
        self, layer: int, query: Tensor, sinks: Tensor | None, out: Tensor, some: slice, starts: Tensor, *, single: bool
    ) -> None:
        """Of some sequences, the first of which have one row each, so that rows are numbered alike."""
        backend, batch, stored = self._backend, self._batch, self.target(layer)
        fixed_attention(
            query[some],
            stored.keys,
            stored.values,
            batch.page_table[some],
            batch.seq_lens[some],
            starts,
            single=single,
            window=backend.windows[layer],
            sinks=sinks,
            key_multipliers=stored.key_multipliers,
            value_multipliers=stored.value_multipliers,
            storage=stored.storage,
            out=out[some],
            **backend.alike,
        )
