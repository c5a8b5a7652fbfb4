"""What the layers with one window size do in a batch: decided once, and the same for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from sgl.attention.segments import Rows, Run, Segment, clip_runs, cut, share
from sgl.batch.context import Span
from sgl.config.kv import PIECE_TOKENS

CALL_SECONDS: Final = 40e-6
"""Cost of one attention call with its views, beside the work itself."""
GATHER_BYTES_PER_SECOND: Final = 3e9
"""Rate at which rows are gathered and padded, beyond what attention on a view costs."""
BLOCK: Final = 512
"""Most new tokens of a prompt that go through a window at once."""


@dataclass(frozen=True, slots=True)
class PaddedDecode:
    """All decode rows in one call over gathered, padded keys."""

    rows: Tensor
    slots: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a window's early end passes through a block of ``n`` queries, backwards.

    Query i sees key i and those after it of the ``n - 1`` keys that only a part of the block sees. In reverse order
    query i sees key i and those *before* it, which is a causal call and needs no mask.

    Attributes:
        rows: int64 [n - 1], all queries but the last, in reverse order.
        slots: int64 [n - 1], the keys in reverse order.
    """

    rows: Tensor
    slots: Tensor


@dataclass(frozen=True, slots=True)
class Single:
    """One query over gathered keys, in pieces whose sizes depend on its position alone."""

    row: int
    pieces: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """The calls, in order.

    Attributes:
        causal: Blocks of new tokens that see themselves causally; what they see before comes in the next two.
        edges: Keys that a part of a block sees.
        segments: Keys that all of the rows see; rows as a slice, or int64.
        padded: Decode rows in one call, in place of segments.
        singles: Queries one by one (deterministic).
        merges: Some row has several parts.
    """

    causal: tuple[Span, ...] = ()
    edges: tuple[Edge, ...] = ()
    segments: tuple[tuple[Segment, Tensor | slice], ...] = ()
    padded: PaddedDecode | None = None
    singles: tuple[Single, ...] = ()
    merges: bool = False


@dataclass(frozen=True, kw_only=True)
class Planner:
    """Plans spans.

    Attributes:
        token_bytes: Bytes of K and V of one token as they are read.
        mask_dtype: Of masks.
        tile: Most keys of one call, or None for any number: where reading copies, the copy is to stay in cache.
        deterministic: The same bits whatever the batch and chunks.
    """

    token_bytes: int
    mask_dtype: torch.dtype
    tile: int | None
    deterministic: bool

    def plan(self, spans: Sequence[Span], window: int | None) -> WindowPlan:
        """What to do for ``spans`` where queries see ``window`` tokens."""
        if self.deterministic:
            singles = tuple(single for span in spans for single in _singles(span, window))
            return WindowPlan(singles=singles, merges=any(len(single.pieces) > 1 for single in singles))
        decodes = [span for span in spans if span.count == 1]
        prompts = [block for span in spans if span.count > 1 for block in _blocks(span, window)]
        earlier = [(_rows(block), _seen_by_all(block, window)) for block in prompts]
        segments = share(
            [(rows, runs) for rows, runs in earlier if runs], also_elsewhere=frozenset(rows for rows, _ in earlier)
        )
        edges = tuple(_edge(block, window) for block in prompts if window is not None and _cuts(block, window))
        padded = None
        if self._padding_is_cheaper(decodes, window):
            padded = self._padded(decodes, window)
        else:
            segments += share([(_rows(span), _visible_runs(span, window)) for span in decodes])
        if self.tile is not None:
            segments = cut(segments, self.tile)
        return WindowPlan(
            causal=tuple(prompts),
            edges=edges,
            segments=tuple((segment, _row_index(segment.rows)) for segment in segments),
            padded=padded,
            merges=bool(edges) or any(segment.merged for segment in segments),
        )

    def _padding_is_cheaper(self, decodes: Sequence[Span], window: int | None) -> bool:
        """Whether one gather beats a call per row; each row reads at least its own last token alone."""
        if len(decodes) < 2:
            return False
        longest = max(span.context - _first_key(span, window) for span in decodes)
        gather = CALL_SECONDS + len(decodes) * longest * self.token_bytes / GATHER_BYTES_PER_SECOND
        return gather < CALL_SECONDS * len(decodes)

    def _padded(self, decodes: Sequence[Span], window: int | None) -> PaddedDecode:
        keys = [_slots(_visible_runs(span, window)) for span in decodes]
        longest = max(len(row) for row in keys)
        slots = np.zeros((len(keys), longest), dtype=np.int64)
        mask = np.full((len(keys), 1, 1, longest), -np.inf, dtype=np.float32)
        for index, row in enumerate(keys):
            slots[index, : len(row)] = row
            mask[index, 0, 0, : len(row)] = 0.0
        rows = torch.tensor([span.query_start for span in decodes])
        return PaddedDecode(rows, torch.from_numpy(slots).view(-1), torch.from_numpy(mask).to(self.mask_dtype))


def _singles(span: Span, window: int | None) -> Iterator[Single]:
    """Every query of a span alone."""
    slots = torch.from_numpy(_slots(span.runs))
    for offset in range(span.count):
        stop = span.first_position + offset + 1
        first = 0 if window is None else max(0, stop - window)
        yield Single(span.query_start + offset, torch.split(slots[first:stop], PIECE_TOKENS))


def _blocks(span: Span, window: int | None) -> Iterator[Span]:
    """Parts of a prompt, each no longer than the window, and either before its early end comes into play or after."""
    if window is None or span.context <= window:
        yield span
        return
    first = span.first_position
    while first < span.context:
        stop = min(window if first < window else first + min(window, BLOCK), span.context)
        start = span.query_start + first - span.first_position
        yield Span(start, stop - first, first, clip_runs(span.runs, 0, stop))
        first = stop


def _cuts(block: Span, window: int) -> bool:
    return block.context > window and block.count > 1


def _seen_by_all(block: Span, window: int | None) -> Sequence[Run]:
    """Runs of the cached tokens that every query of the block sees."""
    first = 0 if window is None else max(0, block.context - window)
    return clip_runs(block.runs, first, block.first_position)


def _edge(block: Span, window: int) -> Edge:
    stop = block.context - window
    slots = _slots(clip_runs(block.runs, stop - block.count + 1, stop))
    rows = np.arange(block.query_start, block.query_start + block.count - 1)
    return Edge(torch.from_numpy(rows[::-1].copy()), torch.from_numpy(slots[::-1].copy()))


def _first_key(span: Span, window: int | None) -> int:
    return 0 if window is None else max(0, span.first_position + 1 - window)


def _visible_runs(span: Span, window: int | None) -> Sequence[Run]:
    """Runs of the slots that the span's first query sees."""
    first = _first_key(span, window)
    return clip_runs(span.runs, first, span.context) if first else span.runs


def _slots(runs: Sequence[Run]) -> np.ndarray:
    """The slots of runs in order: int64."""
    return np.concatenate([np.arange(start, start + count, dtype=np.int64) for start, count in runs])


def _rows(span: Span) -> Rows:
    return (span.query_start, span.count)


def _row_index(rows: Sequence[Rows]) -> Tensor | slice:
    """Rows of all spans: a slice when they are one block, else int64 indices."""
    if len(rows) == 1:
        start, count = rows[0]
        return slice(start, start + count)
    return torch.from_numpy(np.concatenate([np.arange(start, start + count) for start, count in rows]))
