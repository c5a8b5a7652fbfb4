"""Attention on a GPU by torch's own operations: one sequence after the other, its keys and values gathered.

The reference that kernels are compared with on a GPU, and what is left where no kernel takes a model. It waits for the
device to learn the lengths, so no step with it is captured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sgl.attention.reference import attend_dense, visible
from sgl.batch.paged import HostLayout, PagedBatch
from sgl.config.latent import LatentConfig
from sgl.kernels.fused import KvTarget
from sgl.kernels.latent import KvUp
from sgl.kvcache.latent import LatentPool
from sgl.kvcache.latent_scaled import ScaledLatentPool
from sgl.kvcache.pool import PagedPool

SCORES: Final = 2**26
"""Scores that are computed at once where torch's fused attention cannot: a cap or sinks."""


class TorchAttention:
    """Plans batches over one pool.

    Args:
        page_size: Tokens of a page.
        windows: Per layer, the sliding window or None.
        softcap: Soft cap of attention scores, or None.
        scale: Scores are multiplied with it; None is head_dim ** -0.5.
    """

    plans_on_host = False

    def __init__(
        self,
        pool: PagedPool,
        *,
        page_size: int,
        windows: Sequence[int | None],
        softcap: float | None,
        scale: float | None,
    ) -> None:
        self.pool = pool
        self.page_size = page_size
        self.windows = tuple(windows)
        self.softcap = softcap
        self.scale = pool.head_dim**-0.5 if scale is None else scale

    def plan(self, batch: PagedBatch) -> PlannedTorch:
        """Waits for the lengths."""
        return PlannedTorch(self, batch)

    def prepare(self, host: HostLayout) -> None:
        """Nothing: no step is captured."""


class PlannedTorch:
    """`sgl.batch.context.PagedAttention` of one batch."""

    def __init__(self, backend: TorchAttention, batch: PagedBatch) -> None:
        self._backend = backend
        self._batch = batch
        self._stretches = list(_stretches(batch))

    def target(self, layer: int) -> KvTarget:
        """See `sgl.batch.context.PagedAttention.target`."""
        return self._backend.pool.target(layer, self._batch.slots)

    def attend(self, layer: int, query: Tensor, sinks: Tensor | None = None) -> Tensor:
        """See `sgl.batch.context.PagedAttention.attend`."""
        out = torch.zeros(query.shape, dtype=query.dtype, device=query.device)
        for stretch in self._stretches:
            self._attend(layer, query[stretch.rows], stretch, sinks, out[stretch.rows])
        return out.flatten(1)

    def _attend(self, layer: int, query: Tensor, stretch: _Stretch, sinks: Tensor | None, out: Tensor) -> None:
        backend = self._backend
        window = backend.windows[layer]
        first = 0 if window is None else max(0, stretch.first - window + 1)
        key, value = backend.pool.gather(layer, stretch.slots(first, backend.page_size))
        if sinks is None and backend.softcap is None:
            key, value = key.to(query.dtype), value.to(query.dtype)
            seen = visible(len(query), len(key), stretch.first, first, window, query.device)
            out.copy_(_dense(query, key, value, seen, backend.scale))
            return
        rows = max(1, SCORES // (query.shape[1] * len(key)))
        for start in range(0, len(query), rows):
            attended = attend_dense(
                query[start : start + rows],
                key,
                value,
                first_position=stretch.first + start,
                first_key=first,
                scale=backend.scale,
                window=window,
                softcap=backend.softcap,
                sinks=sinks,
            )
            out[start : start + rows] = attended.mixed


class TorchLatentAttention:
    """Multi-head latent attention in the same way, absorbed (`sgl.kernels.latent`).

    Args:
        latent: Widths of the model's vectors.
        page_size: Tokens of a page.
        scale: Scores are multiplied with it; None is the root of the query's width.
    """

    plans_on_host = False

    def __init__(
        self, pool: LatentPool | ScaledLatentPool, *, latent: LatentConfig, page_size: int, scale: float | None
    ) -> None:
        self.pool = pool
        self.latent = latent
        self.page_size = page_size
        self.scale = (latent.nope_dim + latent.rope_dim) ** -0.5 if scale is None else scale

    def plan(self, batch: PagedBatch) -> PlannedTorchLatent:
        """Waits for the lengths."""
        return PlannedTorchLatent(self, batch)

    def prepare(self, host: HostLayout) -> None:
        """Nothing: no step is captured."""


class PlannedTorchLatent:
    """`sgl.batch.context.LatentAttention` of one batch."""

    def __init__(self, backend: TorchLatentAttention, batch: PagedBatch) -> None:
        self._backend = backend
        self._stretches = list(_stretches(batch))
        self._kept = (batch.slots >= 0).nonzero().squeeze(1)
        self._slots = batch.slots[self._kept]

    def forward(self, layer: int, query: Tensor, latent: Tensor, up: KvUp) -> Tensor:
        """See `sgl.batch.context.LatentAttention.forward`."""
        backend = self._backend
        widths = backend.latent
        new = latent[self._kept].unsqueeze(1)
        backend.pool.store(layer, self._slots, new, new)
        absorbed = torch.cat([up.absorb(query[..., : widths.nope_dim]), query[..., widths.nope_dim :]], dim=-1)
        mixed = query.new_zeros(*query.shape[:2], widths.kv_rank)
        for stretch in self._stretches:
            vectors, _ = backend.pool.gather(layer, stretch.slots(0, backend.page_size))
            vectors, own = vectors.to(query.dtype), absorbed[stretch.rows]
            seen = visible(len(own), len(vectors), stretch.first, 0, None, query.device)
            mixed[stretch.rows] = _dense(own, vectors, vectors[..., : widths.kv_rank], seen, backend.scale)
        return up.mix(mixed).flatten(1)


class _Stretch(NamedTuple):
    """A sequence that is not padding: its rows in the batch, the position of the first one, and all its pages."""

    rows: slice
    first: int
    pages: Tensor

    def slots(self, first: int, page_size: int) -> Tensor:
        """int64, of the positions from ``first`` on."""
        count = self.rows.stop - self.rows.start
        positions = torch.arange(first, self.first + count, device=self.pages.device)
        return self.pages[positions // page_size].long() * page_size + positions % page_size


def _stretches(batch: PagedBatch) -> Iterator[_Stretch]:
    bounds = batch.cu_q.tolist()
    for number, length in enumerate(batch.seq_lens.tolist()):
        rows = slice(bounds[number], bounds[number + 1])
        if length:
            yield _Stretch(rows, length - (rows.stop - rows.start), batch.page_table[number])


def _dense(query: Tensor, key: Tensor, value: Tensor, seen: Tensor, scale: float) -> Tensor:
    """[count, heads, value_dim] of queries [count, heads, dim], keys and values by heads, and bool [count, keys]."""
    by_head, keys, values = (states.transpose(0, 1).unsqueeze(0) for states in (query, key, value))
    mixed = F.scaled_dot_product_attention(by_head, keys, values, attn_mask=seen, scale=scale, enable_gqa=True)
    return mixed.squeeze(0).transpose(0, 1)
