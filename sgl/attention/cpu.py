"""Attention on a CPU: flash calls on views of the paged pool, planned once per batch.

Measured on a 2-core x86 (float32, 16 requests x 256 tokens, 16 query / 8 KV heads x 128, per layer):
one call per request on a view 1.9 ms, gathering all pages first 11.5 ms, SDPA with ``enable_gqa`` 3.3 ms
(bfloat16: 14 ms); a prefix shared by all 16 read once 0.5 ms. For tiny heads the calls themselves
dominate, and one gather with one padded call wins (8 / 4 heads x 8: 0.12 against 0.58 ms). So:

* decode rows: runs of contiguous slots, or one padded gather, whichever the plan estimates cheaper;
* prompts: the new tokens among themselves causally, plus the cached prefix without a mask, merged by
  log-sum-exp, so no mask is ever materialised;
* a sliding window that cuts, or a soft cap: gather and mask, as in the reference;
* deterministic: one call per query over gathered keys, whose shape depends on the position alone.

GQA is folded into the query length ([kv_heads, group * rows, head_dim]), which reads K and V once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from sgl.attention.reference import attend_dense, visible
from sgl.attention.segments import Rows, Run, Segment, clip_runs, share
from sgl.batch.context import Span
from sgl.kvcache.pool import KVPool

CALL_SECONDS: Final = 40e-6
"""Cost of one attention call with its views, beside the work itself."""
GATHER_BYTES_PER_SECOND: Final = 3e9
"""Rate at which rows are gathered and padded, beyond what attention on a view costs."""

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


@dataclass(frozen=True, slots=True)
class PaddedDecode:
    """All decode rows in one call over gathered, padded keys."""

    rows: Tensor
    slots: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Masked:
    """One span over gathered keys with a mask (window, soft cap)."""

    span: Span
    first_key: int
    slots: Tensor


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """What the layers with one window size do, in order."""

    padded: PaddedDecode | None
    segments: tuple[tuple[Segment, Tensor | slice], ...]
    causal: tuple[tuple[Span, bool], ...]
    masked: tuple[Masked, ...]
    merges: bool


class CpuAttention:
    """Plans batches over one pool; see the module's docstring.

    Args:
        windows: Per layer, the sliding window or None.
        softcap: Soft cap of attention scores, or None.
        deterministic: The same bits whatever the batch and chunks.
    """

    def __init__(
        self, pool: KVPool, *, windows: Sequence[int | None], softcap: float | None, deterministic: bool
    ) -> None:
        self.pool = pool
        self.windows = tuple(windows)
        self.softcap = softcap
        self.deterministic = deterministic
        _, self.num_kv_heads, self.head_dim = pool.keys[0].shape
        self.token_bytes = 2 * self.num_kv_heads * self.head_dim * pool.keys[0].element_size()

    def plan(self, spans: Sequence[Span], slots: Tensor) -> PlannedAttention:
        """Plans one batch.

        Args:
            spans: The batch's entries, covering its rows in order.
            slots: int64 [tokens], where each new token's K and V go.
        """
        plans = {window: self._plan_window(spans, window) for window in set(self.windows)}
        return PlannedAttention(self, slots, tuple(plans[window] for window in self.windows))

    def _plan_window(self, spans: Sequence[Span], window: int | None) -> WindowPlan:
        if self.softcap is not None:
            return WindowPlan(None, (), (), tuple(_masked(span, window) for span in spans), merges=False)
        if self.deterministic:
            singles = [_single(span, offset) for span in spans for offset in range(span.count)]
            return WindowPlan(None, (), (), tuple(_masked(span, window) for span in singles), merges=False)
        decodes = [span for span in spans if span.count == 1]
        prompts = [span for span in spans if span.count > 1]
        cut = [span for span in prompts if window is not None and span.context > window]
        whole = [span for span in prompts if window is None or span.context <= window]

        prefixed: list[tuple[Rows, Sequence[Run]]] = [
            ((span.query_start, span.count), clip_runs(span.runs, 0, span.first_position))
            for span in whole
            if span.first_position
        ]
        own_too = frozenset(rows for rows, _ in prefixed)
        segments = share(prefixed, also_elsewhere=own_too)
        padded = None
        if self._padding_is_cheaper(decodes, window):
            padded = self._padded(decodes, window)
        else:
            segments += share([((span.query_start, 1), _visible_runs(span, window)) for span in decodes])
        return WindowPlan(
            padded=padded,
            segments=tuple((segment, _row_index(segment.rows)) for segment in segments),
            causal=tuple((span, span.first_position > 0) for span in whole),
            masked=tuple(_masked(span, window) for span in cut),
            merges=any(segment.merged for segment in segments),
        )

    def _padding_is_cheaper(self, decodes: Sequence[Span], window: int | None) -> bool:
        """Whether one gather beats a call per row; each row reads at least its own last token alone."""
        if len(decodes) < 2:
            return False
        longest = max(span.context - _first_key(span, window) for span in decodes)
        gather = CALL_SECONDS + len(decodes) * longest * self.token_bytes / GATHER_BYTES_PER_SECOND
        return gather < CALL_SECONDS * len(decodes)

    def _padded(self, decodes: Sequence[Span], window: int | None) -> PaddedDecode:
        keys = [_slots(span, _first_key(span, window)) for span in decodes]
        longest = max(len(row) for row in keys)
        slots = np.zeros((len(keys), longest), dtype=np.int64)
        mask = np.full((len(keys), 1, 1, longest), -np.inf, dtype=np.float32)
        for index, row in enumerate(keys):
            slots[index, : len(row)] = row
            mask[index, 0, 0, : len(row)] = 0.0
        rows = torch.tensor([span.query_start for span in decodes])
        return PaddedDecode(rows, torch.from_numpy(slots).view(-1), torch.from_numpy(mask).to(self.pool.dtype))


class PlannedAttention:
    """`sgl.batch.context.Attention` of one batch."""

    def __init__(self, backend: CpuAttention, slots: Tensor, plans: tuple[WindowPlan, ...]) -> None:
        self._backend = backend
        self._pool = backend.pool
        self._slots = slots
        self._plans = plans

    def forward(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """See `sgl.batch.context.Attention.forward`."""
        self._pool.store(layer, self._slots, key, value)
        plan = self._plans[layer]
        tokens = query.shape[0]
        out = torch.empty_like(query)
        lse = query.new_full((tokens, query.shape[1]), -torch.inf, dtype=torch.float32) if plan.merges else None
        if plan.merges:
            out.zero_()
        for span, prefixed in plan.causal:
            self._causal(span, query, key, value, out, lse if prefixed else None)
        for segment, rows in plan.segments:
            self._segment(layer, segment, rows, query, out, lse if segment.merged else None)
        if plan.padded is not None:
            self._padded(layer, plan.padded, query, out)
        for item in plan.masked:
            self._masked(layer, item, query, out)
        return out.view(tokens, -1)

    def _causal(self, span: Span, query: Tensor, key: Tensor, value: Tensor, out: Tensor, lse: Tensor | None) -> None:
        rows = slice(span.query_start, span.query_start + span.count)
        q, k, v = (tensor[rows].transpose(0, 1).unsqueeze(0) for tensor in (query, key, value))
        mixed, sums = _flash(q, k, v, 0.0, True)
        out[rows] = mixed[0].transpose(0, 1)
        if lse is not None:
            lse[rows] = sums[0].transpose(0, 1)

    def _segment(
        self, layer: int, segment: Segment, rows: Tensor | slice, query: Tensor, out: Tensor, lse: Tensor | None
    ) -> None:
        picked = query[rows]
        count, num_heads, head_dim = picked.shape
        kv_heads = self._backend.num_kv_heads
        group = num_heads // kv_heads
        if count == 1:
            folded = picked.view(1, kv_heads, group, head_dim)
        else:
            folded = picked.view(count, kv_heads, group, head_dim).transpose(0, 1).reshape(1, kv_heads, -1, head_dim)
        shape = (1, kv_heads, segment.slot_count, head_dim)
        stride = (0, head_dim, kv_heads * head_dim, 1)
        offset = segment.slot_start * kv_heads * head_dim
        keys = self._pool.keys[layer].as_strided(shape, stride, offset)
        values = self._pool.values[layer].as_strided(shape, stride, offset)
        mixed, sums = _flash(folded, keys, values)
        mixed = mixed.view(kv_heads, count, group, head_dim).transpose(0, 1).reshape(count, num_heads, head_dim)
        if lse is None:
            out[rows] = mixed
            return
        new = sums.view(kv_heads, count, group).transpose(0, 1).reshape(count, num_heads)
        _merge(out, lse, rows, mixed, new)

    def _padded(self, layer: int, plan: PaddedDecode, query: Tensor, out: Tensor) -> None:
        count = plan.rows.shape[0]
        kv_heads, head_dim = self._backend.num_kv_heads, self._backend.head_dim
        shape = (count, -1, kv_heads, head_dim)
        width = kv_heads * head_dim
        keys = self._pool.keys[layer].view(-1, width).index_select(0, plan.slots).view(shape).transpose(1, 2)
        values = self._pool.values[layer].view(-1, width).index_select(0, plan.slots).view(shape).transpose(1, 2)
        alone = count == query.shape[0]
        picked = query if alone else query.index_select(0, plan.rows)
        mixed, _ = _flash(picked.view(count, kv_heads, -1, head_dim), keys, values, attn_mask=plan.mask)
        mixed = mixed.reshape(count, -1, head_dim)
        if alone:
            out.copy_(mixed)
        else:
            out.index_copy_(0, plan.rows, mixed)

    def _masked(self, layer: int, item: Masked, query: Tensor, out: Tensor) -> None:
        span = item.span
        rows = slice(span.query_start, span.query_start + span.count)
        keys = self._pool.keys[layer].index_select(0, item.slots)
        values = self._pool.values[layer].index_select(0, item.slots)
        softcap = self._backend.softcap
        window = self._backend.windows[layer]
        if softcap is not None:
            out[rows] = attend_dense(
                query[rows],
                keys,
                values,
                first_position=span.first_position,
                first_key=item.first_key,
                window=window,
                softcap=softcap,
            )
            return
        if span.count == 1:
            kv_heads = keys.shape[1]
            folded = query[rows].view(1, kv_heads, -1, keys.shape[2])
            mixed, _ = _flash(folded, keys.transpose(0, 1).unsqueeze(0), values.transpose(0, 1).unsqueeze(0))
            out[rows] = mixed.reshape(1, -1, keys.shape[2])
            return
        seen = visible(span.count, len(item.slots), span.first_position, item.first_key, window, query.device)
        mask = torch.zeros(seen.shape, dtype=query.dtype).masked_fill_(~seen, -torch.inf)
        q, k, v = (tensor.transpose(0, 1).unsqueeze(0) for tensor in (query[rows], keys, values))
        mixed, _ = _flash(q, k, v, attn_mask=mask.view(1, 1, *mask.shape))
        out[rows] = mixed[0].transpose(0, 1)


def _merge(out: Tensor, lse: Tensor, rows: Tensor | slice, mixed: Tensor, new: Tensor) -> None:
    """Adds a partial result to rows that may hold one already (log-sum-exp weighted)."""
    old = lse[rows]
    total = torch.logaddexp(old, new)
    weight_old, weight_new = torch.exp(old - total), torch.exp(new - total)
    out[rows] = (out[rows] * weight_old.unsqueeze(-1) + mixed * weight_new.unsqueeze(-1)).to(out.dtype)
    lse[rows] = total


def _first_key(span: Span, window: int | None) -> int:
    return 0 if window is None else max(0, span.first_position + 1 - window)


def _visible_runs(span: Span, window: int | None) -> Sequence[Run]:
    """Runs of the slots that the span's first query sees."""
    first = _first_key(span, window)
    return clip_runs(span.runs, first, span.context) if first else span.runs


def _slots(span: Span, first: int) -> np.ndarray:
    """Slots of positions ``[first, span.context)``: int64."""
    runs = clip_runs(span.runs, first, span.context) if first else span.runs
    return np.concatenate([np.arange(start, start + count, dtype=np.int64) for start, count in runs])


def _masked(span: Span, window: int | None) -> Masked:
    first = _first_key(span, window)
    return Masked(span, first, torch.from_numpy(_slots(span, first)))


def _single(span: Span, offset: int) -> Span:
    """The span of one query token alone."""
    runs = clip_runs(span.runs, 0, span.first_position + offset + 1)
    return Span(span.query_start + offset, 1, span.first_position + offset, runs)


def _row_index(rows: Sequence[Rows]) -> Tensor | slice:
    """Rows of all spans: a slice when they are one block, else int64 indices."""
    if len(rows) == 1:
        start, count = rows[0]
        return slice(start, start + count)
    return torch.from_numpy(np.concatenate([np.arange(start, start + count) for start, count in rows]))
