"""Multi-head latent attention on a CPU, over a paged pool of compressed vectors.

Two forms compute the same (`sgl.kernels.latent`):

* absorbed: attention with one KV head as wide as the cached vector, which is both key and value, so all of
  `sgl.attention.cpu` serves it: views, padding, shared prefixes, and the deterministic way;
* expanded: the compressed vectors become keys and values by heads, block by block, and new tokens attend to their own
  causally and to the cached prefix without a mask, merged by log-sum-exp.

Expanding costs a product per cached token and saves work per pair of query and key, so decode rows are absorbed and
prompts are expanded; a few new tokens after a long prefix are absorbed. `expands` counts which is less. Measured with
`benchmarks.latent_attention` (16 heads of DeepSeek's widths, a layer without its projections, one thread of a shared
x86 with AMX; milliseconds):

==============================  =======  ========  =======  ========
.                                   float32             bfloat16
------------------------------  -----------------  -----------------
cached + new tokens             absorb    expand   absorb    expand
==============================  =======  ========  =======  ========
1024 + 1                           0.90       108     0.77        24
4096 + 1                           6.25       605     1.49       128
4096 + 64                           198       719      145       323
4096 + 256 (expands)                671       709      296       340
1024 + 256 (expands)                338       265       92       120
0 + 512 (expands)                   288       131      102        61
==============================  =======  ========  =======  ========
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from sgl.attention.cpu import CpuAttention, PlannedAttention
from sgl.attention.kernel import Flash
from sgl.attention.merge import merge
from sgl.attention.segments import Run, clip_runs
from sgl.batch.context import Span
from sgl.config.latent import EXPANDED_ELEMENTS, LatentConfig, expanding_pays
from sgl.kernels.latent import KvUp
from sgl.kvcache.latent import VectorPool


@dataclass(frozen=True, slots=True)
class Expanded:
    """One span whose keys and values are expanded.

    Attributes:
        own: Runs of its new tokens.
        blocks: Runs of its prefix, cut to pieces.
    """

    span: Span
    own: tuple[Run, ...]
    blocks: tuple[tuple[Run, ...], ...]

    @property
    def rows(self) -> slice:
        """Its rows in the batch."""
        return slice(self.span.query_start, self.span.query_start + self.span.count)


class CpuLatentAttention:
    """Plans batches over one pool; see the module's docstring.

    Args:
        latent: The widths.
        heads: Query heads.
        scale: Scores are multiplied with it; None is (nope_dim + rope_dim) ** -0.5.
        deterministic: The same bits whatever the batch and chunks: everything is absorbed.
    """

    def __init__(
        self, pool: VectorPool, *, latent: LatentConfig, heads: int, scale: float | None, deterministic: bool
    ) -> None:
        self.pool = pool
        self.latent = latent
        self.deterministic = deterministic
        scale = 1.0 / math.sqrt(latent.nope_dim + latent.rope_dim) if scale is None else scale
        self.kernel = Flash(scale)
        self.expanded_width = max(latent.nope_dim + latent.rope_dim, latent.value_dim)
        self._block = max(1, EXPANDED_ELEMENTS // (heads * self.expanded_width))
        self._absorbed = CpuAttention(
            pool, windows=(None,) * pool.num_layers, softcap=None, deterministic=deterministic, scale=scale
        )

    def expands(self, span: Span) -> bool:
        """Whether expanding is less work (`expanding_pays`); the attention call takes keys and values of one width."""
        return not self.deterministic and expanding_pays(
            self.latent,
            count=span.count,
            prefix=span.first_position,
            absorbed=2 * self.latent.cached_width,
            expanded=2 * self.expanded_width,
        )

    def plan(self, spans: Sequence[Span], slots: Tensor) -> PlannedLatentAttention:
        """Plans one batch.

        Args:
            spans: The batch's entries, covering its rows in order.
            slots: int64 [tokens], where each new token's vector goes.
        """
        chosen = [(span, self.expands(span)) for span in spans]
        expanded = tuple(self._expanded(span) for span, expands in chosen if expands)
        absorbed = [span for span, expands in chosen if not expands]
        if not expanded:
            return PlannedLatentAttention(self, slots, self._absorbed.plan(absorbed, slots), None, ())
        if not absorbed:
            return PlannedLatentAttention(self, slots, None, None, expanded)
        rows = torch.cat([torch.arange(span.query_start, span.query_start + span.count) for span in absorbed])
        renumbered, start = [], 0
        for span in absorbed:
            renumbered.append(replace(span, query_start=start))
            start += span.count
        planned = self._absorbed.plan(renumbered, slots.index_select(0, rows))
        return PlannedLatentAttention(self, slots, planned, rows, expanded)

    def _expanded(self, span: Span) -> Expanded:
        prefix = span.first_position
        stops = [*range(self._block, prefix, self._block), prefix]
        blocks = tuple(clip_runs(span.runs, first, stop) for first, stop in pairwise([0, *stops]) if first < stop)
        return Expanded(span, clip_runs(span.runs, prefix, span.context), blocks)


class PlannedLatentAttention:
    """`sgl.batch.context.LatentAttention` of one batch.

    Args:
        absorbed: The plan of absorbed rows, or None where there are none.
        rows: Which rows of the batch those are, int64; None is all of them.
    """

    def __init__(
        self,
        backend: CpuLatentAttention,
        slots: Tensor,
        absorbed: PlannedAttention | None,
        rows: Tensor | None,
        expanded: tuple[Expanded, ...],
    ) -> None:
        self._backend = backend
        self._slots = slots
        self._absorbed = absorbed
        self._rows = rows
        self._expanded = expanded

    def forward(self, layer: int, query: Tensor, latent: Tensor, up: KvUp) -> Tensor:
        """See `sgl.batch.context.LatentAttention.forward`."""
        if self._absorbed is not None and not self._expanded:
            return self._absorb(self._absorbed, layer, query, latent, up).flatten(1)
        wide = latent.unsqueeze(1)
        self._backend.pool.store(layer, self._slots, wide, wide)
        out = query.new_empty(*query.shape[:2], self._backend.latent.value_dim)
        if self._absorbed is not None and self._rows is not None:
            picked, own = query.index_select(0, self._rows), latent.index_select(0, self._rows)
            out.index_copy_(0, self._rows, self._absorb(self._absorbed, layer, picked, own, up))
        for item in self._expanded:
            out[item.rows] = self._expand(layer, item, query[item.rows], latent[item.rows], up)
        return out.flatten(1)

    def _absorb(self, planned: PlannedAttention, layer: int, query: Tensor, latent: Tensor, up: KvUp) -> Tensor:
        """[rows, heads, value_dim] of the rows of ``planned``, whose vectors are stored by it."""
        widths = self._backend.latent
        absorbed = torch.cat([up.absorb(query[..., : widths.nope_dim]), query[..., widths.nope_dim :]], dim=-1)
        wide = latent.unsqueeze(1)
        mixed = planned.forward(layer, absorbed, wide, wide).view(absorbed.shape)
        return up.mix(mixed[..., : widths.kv_rank])

    def _expand(self, layer: int, item: Expanded, query: Tensor, latent: Tensor, up: KvUp) -> Tensor:
        """[count, heads, value_dim] of one span."""
        backend = self._backend
        if not backend.pool.exact:
            # What is attended to is what a later step will find, so that chunks and cache hits change nothing.
            latent = backend.pool.read(layer, item.own).to(query.dtype)
        heads = F.pad(query, (0, backend.expanded_width - query.shape[-1])).transpose(0, 1).unsqueeze(0)
        out, sums = backend.kernel(heads, *self._keys_and_values(latent, up), causal=True)
        if item.blocks:
            out = out.float()
        for runs in item.blocks:
            vectors = backend.pool.read(layer, runs).to(query.dtype)
            mixed, more = backend.kernel(heads, *self._keys_and_values(vectors, up))
            merge(out, sums, slice(None), mixed, more)
        return out[0, ..., : backend.latent.value_dim].transpose(0, 1)

    def _keys_and_values(self, latent: Tensor, up: KvUp) -> tuple[Tensor, Tensor]:
        """[1, heads, count, expanded_width] each: the attention call takes keys and values of one width only."""
        widths = self._backend.latent
        nope, values = up.expand(latent[:, : widths.kv_rank])
        shape = (1, nope.shape[0], latent.shape[0], self._backend.expanded_width)
        key, value = nope.new_zeros(shape), nope.new_zeros(shape)
        key[0, ..., : widths.nope_dim] = nope
        key[0, ..., widths.nope_dim : widths.nope_dim + widths.rope_dim] = latent[:, widths.kv_rank :]
        value[0, ..., : widths.value_dim] = values
        return key, value
