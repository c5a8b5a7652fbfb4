"""Attention on a CPU: calls on views of the paged pool, planned once per batch.

Measured on a 2-core x86 (float32, 16 requests x 256 tokens, 16 query / 8 KV heads x 128, per layer):
one call per request on a view 1.9 ms, gathering all pages first 11.5 ms, SDPA with ``enable_gqa`` 3.3 ms
(bfloat16: 14 ms); a prefix shared by all 16 read once 0.5 ms. For tiny heads the calls themselves
dominate, and one gather with one padded call wins (8 / 4 heads x 8: 0.12 against 0.58 ms). So:

* decode rows: runs of contiguous slots, or one padded gather, whichever the plan estimates cheaper;
* prompts: the new tokens among themselves causally, plus the cached prefix without a mask, merged by
  log-sum-exp, so no mask is ever materialised;
* a sliding window that cuts: the same for blocks of the prompt, plus what only a part of a block sees
  (`sgl.attention.plan.Edge`): every pair of query and key that is not visible is left out, save for half a block;
* a soft cap: the same plan with another kernel (`sgl.attention.kernel`);
* a pool that expands what it reads (`sgl.kvcache.scaled`): the same plan, its runs cut to tiles that stay in cache;
* sinks: log-sum-exps are kept, and rows are scaled at the end;
* deterministic: one call per query over gathered keys, whose shape depends on the position alone.

GQA is folded into the query length ([kv_heads, group * rows, head_dim]), which reads K and V once.

Milliseconds per layer, best of 8, one thread of a 2-core Xeon (Sapphire Rapids, AVX-512) that other work shared;
16 query / 8 KV heads x 128:

========================================  =======  ========  =====  ========
KV cache                                  float32  bfloat16   int8  fp8_e4m3
========================================  =======  ========  =====  ========
decode, 16 requests x 1024 tokens            15.6      14.3   23.2      36.3
the same, soft-capped                        15.6      24.3   25.3
the same, capped, by the plain twin           215       219
prompt, 512 tokens after 512                 49.3             52.6      50.0
the same, soft-capped                        50.2
========================================  =======  ========  =====  ========

Prompts longer than their window, float32, beside one masked call over gathered keys: 512 tokens, window 128: 21 and 32;
2048 tokens, window 1024: 228 and 338; 5 tokens, window 4096: 9 and 18.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from sgl.attention.kernel import choose_kernel
from sgl.attention.plan import Edge, PaddedDecode, Planner, Single, WindowPlan
from sgl.attention.result import Result
from sgl.attention.segments import Segment
from sgl.batch.context import Span
from sgl.config.kv import TILE_ELEMENTS
from sgl.kvcache.pool import Pool


class CpuAttention:
    """Plans batches over one pool; see the module's docstring.

    Args:
        windows: Per layer, the sliding window or None.
        softcap: Soft cap of attention scores, or None.
        deterministic: The same bits whatever the batch and chunks.
        scale: Scores are multiplied with it; None is head_dim ** -0.5.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        windows: Sequence[int | None],
        softcap: float | None,
        deterministic: bool,
        scale: float | None = None,
    ) -> None:
        self.pool = pool
        self.windows = tuple(windows)
        self.num_kv_heads, self.head_dim = pool.num_kv_heads, pool.head_dim
        self.kernel = choose_kernel(self.head_dim**-0.5 if scale is None else scale, softcap)
        width = self.num_kv_heads * self.head_dim
        copies = not pool.exact or (self.kernel.widens and pool.dtype.itemsize < 4)
        self._planner = Planner(
            token_bytes=2 * width * pool.dtype.itemsize,
            mask_dtype=pool.dtype,
            tile=max(1, TILE_ELEMENTS // width) if copies else None,
            deterministic=deterministic,
        )

    def plan(self, spans: Sequence[Span], slots: Tensor) -> PlannedAttention:
        """Plans one batch.

        Args:
            spans: The batch's entries, covering its rows in order.
            slots: int64 [tokens], where each new token's K and V go.
        """
        plans = {window: self._planner.plan(spans, window) for window in set(self.windows)}
        return PlannedAttention(self, slots, tuple(plans[window] for window in self.windows))


class PlannedAttention:
    """`sgl.batch.context.Attention` of one batch."""

    def __init__(self, backend: CpuAttention, slots: Tensor, plans: tuple[WindowPlan, ...]) -> None:
        self._pool = backend.pool
        self._kernel = backend.kernel
        self._kv_heads, self._width = backend.num_kv_heads, backend.head_dim
        self._slots = slots
        self._plans = plans

    def forward(self, layer: int, query: Tensor, key: Tensor, value: Tensor, sinks: Tensor | None = None) -> Tensor:
        """See `sgl.batch.context.Attention.forward`."""
        self._pool.store(layer, self._slots, key, value)
        plan = self._plans[layer]
        result = Result(query, sums=plan.merges or sinks is not None)
        query = query.to(self._pool.dtype)
        for span in plan.causal:
            self._causal(layer, span, query, key, value, result)
        for edge in plan.edges:
            self._edge(layer, edge, query, result)
        for segment, rows in plan.segments:
            self._segment(layer, segment, rows, query, result)
        if plan.padded is not None:
            self._padded(layer, plan.padded, query, result)
        for single in plan.singles:
            self._single(layer, single, query, result)
        return result.finish(sinks)

    def _causal(self, layer: int, span: Span, query: Tensor, key: Tensor, value: Tensor, result: Result) -> None:
        rows = slice(span.query_start, span.query_start + span.count)
        if self._pool.exact:
            key, value = key[rows], value[rows]
        else:
            # What is attended to is what a later step will find, so that chunks and cache hits change nothing.
            key, value = self._pool.gather(layer, self._slots[rows])
        mixed, sums = self._kernel(_by_head(query[rows]), _by_head(key), _by_head(value), causal=True)
        result.put(rows, mixed[0].transpose(0, 1), sums[0].transpose(0, 1))

    def _edge(self, layer: int, edge: Edge, query: Tensor, result: Result) -> None:
        key, value = self._pool.gather(layer, edge.slots)
        picked = query.index_select(0, edge.rows)
        mixed, sums = self._kernel(_by_head(picked), _by_head(key), _by_head(value), causal=True)
        result.add(edge.rows, mixed[0].transpose(0, 1), sums[0].transpose(0, 1))

    def _segment(self, layer: int, segment: Segment, rows: Tensor | slice, query: Tensor, result: Result) -> None:
        picked = query[rows]
        count, num_heads, width = picked.shape
        folded = picked.view(count, self._kv_heads, -1, width)
        if count > 1:
            folded = folded.transpose(0, 1).reshape(1, self._kv_heads, -1, width)
        key, value = self._pool.view(layer, segment.slot_start, segment.slot_count)
        mixed, sums = self._kernel(folded, key, value)
        if count > 1:
            mixed = mixed.view(self._kv_heads, count, -1, width).transpose(0, 1)
            sums = sums.view(self._kv_heads, count, -1).transpose(0, 1)
        mixed = mixed.reshape(count, num_heads, width)
        if result.keeps_sums:
            sums = sums.reshape(count, num_heads)
        if segment.merged:
            result.add(rows, mixed, sums)
        else:
            result.put(rows, mixed, sums)

    def _padded(self, layer: int, plan: PaddedDecode, query: Tensor, result: Result) -> None:
        count = plan.rows.shape[0]
        shape = (count, -1, self._kv_heads, self._width)
        key, value = (states.view(shape).transpose(1, 2) for states in self._pool.gather(layer, plan.slots))
        alone = count == query.shape[0]
        picked = query if alone else query.index_select(0, plan.rows)
        mixed, sums = self._kernel(picked.view(count, self._kv_heads, -1, self._width), key, value, mask=plan.mask)
        rows = slice(None) if alone else plan.rows
        result.put(rows, mixed.reshape(count, -1, self._width), sums.reshape(count, -1) if result.keeps_sums else sums)

    def _single(self, layer: int, single: Single, query: Tensor, result: Result) -> None:
        rows = slice(single.row, single.row + 1)
        folded = query[rows].view(1, self._kv_heads, -1, self._width)
        for slots in single.pieces:
            key, value = self._pool.gather(layer, slots)
            mixed, sums = self._kernel(folded, _by_head(key), _by_head(value))
            mixed, sums = mixed.reshape(1, -1, self._width), sums.reshape(1, -1)
            if len(single.pieces) > 1:
                result.add(rows, mixed, sums)
            else:
                result.put(rows, mixed, sums)


def _by_head(rows: Tensor) -> Tensor:
    """[count, heads, head_dim] -> [1, heads, count, head_dim], a view."""
    return rows.transpose(0, 1).unsqueeze(0)
