"""Attention on a GPU by our own kernels: those of `sgl.kernels.triton`, planned once per batch.

Sequences of one token go through the split decode kernel, longer ones through the extend kernel. Bits depend on the
batch; `sgl.attention.triton_fixed` is for deterministic mode.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sgl.batch.paged import HostLayout, PagedBatch
from sgl.kernels.fused import KvTarget
from sgl.kernels.triton.decode_attention import decode_attention
from sgl.kernels.triton.decode_splits import DecodeWorkspace
from sgl.kernels.triton.extend_attention import extend_attention
from sgl.kvcache.pool import PagedPool


class TritonAttention:
    """Plans batches over one pool.

    Args:
        heads: Query heads.
        page_size: Tokens of a page, a power of two.
        windows: Per layer, the sliding window or None.
        softcap: Soft cap of attention scores, or None.
        scale: Scores are multiplied with it; None is head_dim ** -0.5.
        largest_batch: Most sequences of one token in a step.
        multiprocessors: Of the GPU: long sequences are split so that all of them have work.
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
        self.softcap = softcap
        self.scale = pool.head_dim**-0.5 if scale is None else scale
        self.page_size = page_size
        self.dependent = dependent
        self.workspace = DecodeWorkspace.allocate(
            largest_batch=largest_batch,
            num_heads=heads,
            num_kv_heads=pool.num_kv_heads,
            value_dim=pool.head_dim,
            multiprocessors=multiprocessors,
            device=device,
        )

    def plan(self, batch: PagedBatch) -> PlannedTritonAttention:
        """Nothing is computed: kernels find their work on the device."""
        return PlannedTritonAttention(self, batch)

    def prepare(self, host: HostLayout) -> None:
        """Nothing, for the same reason."""


class PlannedTritonAttention:
    """`sgl.batch.context.PagedAttention` of one batch."""

    def __init__(self, backend: TritonAttention, batch: PagedBatch) -> None:
        self._backend = backend
        self._batch = batch
        self._decodes = batch.decodes
        self._starts = starts_behind(batch, self._decodes)

    def target(self, layer: int) -> KvTarget:
        """See `sgl.batch.context.PagedAttention.target`."""
        return self._backend.pool.target(layer, self._batch.slots)

    def attend(self, layer: int, query: Tensor, sinks: Tensor | None = None) -> Tensor:
        """See `sgl.batch.context.PagedAttention.attend`."""
        out = torch.empty_like(query)
        if self._decodes:
            self._decode(layer, query, sinks, out)
        if self._decodes < self._batch.sequences:
            self._extend(layer, query, sinks, out)
        return out.flatten(1)

    def _decode(self, layer: int, query: Tensor, sinks: Tensor | None, out: Tensor) -> None:
        backend, batch, count = self._backend, self._batch, self._decodes
        stored = self.target(layer)
        decode_attention(
            query[:count],
            stored.keys,
            stored.values,
            batch.page_table[:count],
            batch.seq_lens[:count],
            page_size=backend.page_size,
            scale=backend.scale,
            window=backend.windows[layer],
            softcap=backend.softcap,
            sinks=sinks,
            key_multipliers=stored.key_multipliers,
            value_multipliers=stored.value_multipliers,
            storage=stored.storage,
            workspace=backend.workspace,
            dependent=backend.dependent,
            out=out[:count],
        )

    def _extend(self, layer: int, query: Tensor, sinks: Tensor | None, out: Tensor) -> None:
        backend, batch, first = self._backend, self._batch, self._decodes
        stored = self.target(layer)
        extend_attention(
            query[first:],
            stored.keys,
            stored.values,
            batch.page_table[first:],
            batch.seq_lens[first:],
            self._starts,
            longest_query=batch.longest_query,
            page_size=backend.page_size,
            scale=backend.scale,
            window=backend.windows[layer],
            softcap=backend.softcap,
            sinks=sinks,
            key_multipliers=stored.key_multipliers,
            value_multipliers=stored.value_multipliers,
            storage=stored.storage,
            out=out[first:],
        )


def starts_behind(batch: PagedBatch, decodes: int) -> Tensor:
    """Where the rows of each sequence begin, and the end, counted from the first row behind ``decodes`` sequences."""
    return batch.cu_q[decodes:] - decodes if 0 < decodes < batch.sequences else batch.cu_q
