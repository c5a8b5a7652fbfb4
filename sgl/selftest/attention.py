"""Attention over the paged pool: every path of the CPU backend, against one query and one head at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sgl.attention.cpu import CpuAttention
from sgl.batch.context import Span
from sgl.kvcache.pool import KVPool
from sgl.selftest import plain
from sgl.selftest.case import Array, Measured, as_float64, compare, worst

HEADS, KV_HEADS, HEAD_DIM, PAGE_SIZE, PAGES = 4, 2, 32, 16, 96
ALLOWED: Final = 1e-5

Backend = type[CpuAttention]
Shapes = Sequence[tuple[int, int]]
"""(first position, tokens to compute) of each request of a batch."""


def prompts(backend: Backend = CpuAttention) -> Measured:
    """New prompts, one of them the second chunk of a longer one."""
    return _check(backend, [(0, 37), (40, 21), (0, 1)])


def decode(backend: Backend = CpuAttention) -> Measured:
    """One token each for requests of unlike lengths: short ones are gathered, long ones read where they lie."""
    return worst(_check(backend, shapes) for shapes in ([(20, 1), (63, 1), (5, 1), (31, 1)], [(400, 1), (333, 1)]))


def shared_prefix(backend: Backend = CpuAttention) -> Measured:
    """Requests that read the same cached pages, decoding and prompts mixed."""
    return _check(backend, [(330, 1), (321, 1), (320, 12), (340, 1)], shared=320)


def window(backend: Backend = CpuAttention) -> Measured:
    """A sliding window that cuts."""
    return _check(backend, [(0, 37), (40, 21), (90, 1)], window=17)


def soft_cap(backend: Backend = CpuAttention) -> Measured:
    """Scores capped as in Gemma 2."""
    return _check(backend, [(0, 19), (40, 1)], softcap=0.8)


def deterministic(backend: Backend = CpuAttention) -> Measured:
    """One call per query, whatever the batch."""
    return _check(backend, [(0, 9), (33, 1)], deterministic=True)


@dataclass(frozen=True, slots=True)
class _Input:
    """A batch over a filled pool; ``keys`` and ``values`` are each request's own, from position 0 on."""

    pool: KVPool
    spans: list[Span]
    slots: Tensor
    query: Tensor
    keys: list[Tensor]
    values: list[Tensor]


def _check(
    backend: Backend,
    shapes: Shapes,
    *,
    shared: int = 0,
    window: int | None = None,
    softcap: float | None = None,
    deterministic: bool = False,
) -> Measured:
    given = _input(shapes, shared)
    attention = backend(given.pool, windows=[window], softcap=softcap, deterministic=deterministic)
    new = zip(given.spans, given.keys, given.values, strict=True)
    parts = [(key[span.first_position :], value[span.first_position :]) for span, key, value in new]
    planned = attention.plan(given.spans, given.slots)
    key, value = (torch.cat(part) for part in zip(*parts, strict=True))
    return compare(planned.forward(0, given.query, key, value), _plainly(given, window, softcap), ALLOWED)


def _plainly(given: _Input, window: int | None, softcap: float | None) -> Array:
    rows = [
        plain.attention(
            as_float64(given.query[span.query_start : span.query_start + span.count]),
            as_float64(key),
            as_float64(value),
            span.first_position,
            window=window,
            softcap=softcap,
        )
        for span, key, value in zip(given.spans, given.keys, given.values, strict=True)
    ]
    return np.concatenate(rows).reshape(len(given.query), -1)


def _input(shapes: Shapes, shared: int) -> _Input:
    """Draws a batch. Pages are handed out in a scattered order; the first ``shared`` positions are common pages."""
    draw = torch.Generator().manual_seed(len(shapes) + shared)
    order = np.random.default_rng(1).permutation(np.arange(1, PAGES + 1))
    pages = iter(order.tolist())

    def states(tokens: int) -> Tensor:
        return torch.randn(tokens, KV_HEADS, HEAD_DIM, generator=draw)

    def slots_of(tokens: int) -> npt.NDArray[np.int64]:
        taken = [next(pages) for _ in range(-(-tokens // PAGE_SIZE))]
        return (np.array(taken, dtype=np.int64)[:, None] * PAGE_SIZE + np.arange(PAGE_SIZE)).reshape(-1)[:tokens]

    pool = KVPool(
        num_layers=1,
        num_pages=PAGES,
        page_size=PAGE_SIZE,
        num_kv_heads=KV_HEADS,
        head_dim=HEAD_DIM,
        dtype=torch.float32,
        device=torch.device("cpu"),
    )
    common_slots, common_key, common_value = slots_of(shared), states(shared), states(shared)
    given = _Input(pool, [], torch.empty(0), torch.empty(0), [], [])
    new_slots, at = [], 0
    for first, count in shapes:
        own = first + count - shared
        slots = np.concatenate([common_slots, slots_of(own)])
        key, value = torch.cat([common_key, states(own)]), torch.cat([common_value, states(own)])
        pool.store(0, torch.from_numpy(slots[:first]), key[:first], value[:first])
        given.spans.append(Span(at, count, first, _runs(slots)))
        given.keys.append(key)
        given.values.append(value)
        new_slots.append(slots[first:])
        at += count
    query = torch.randn(at, HEADS, HEAD_DIM, generator=draw)
    return _Input(pool, given.spans, torch.from_numpy(np.concatenate(new_slots)), query, given.keys, given.values)


def _runs(slots: npt.NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    """Maximal runs (first, length) of contiguous slots."""
    parts = np.split(slots, np.flatnonzero(np.diff(slots) != 1) + 1)
    return tuple((int(part[0]), len(part)) for part in parts)
