"""Every way the CPU backend computes attention equals the plain twin, for ragged batches over paged KV."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from sgl.attention import cpu
from sgl.attention.cpu import CpuAttention
from sgl.attention.reference import attend_dense
from sgl.batch.context import Span
from sgl.kvcache.pool import KVPool

HEADS, KV_HEADS, HEAD_DIM, PAGE = 4, 2, 8, 4


@dataclass
class Case:
    """A batch: what is cached, what is new, where it lies."""

    pool: KVPool
    spans: list[Span]
    slots: Tensor
    query: Tensor
    key: Tensor
    value: Tensor
    full_keys: list[Tensor]
    full_values: list[Tensor]


def runs_of(slots: np.ndarray) -> tuple[tuple[int, int], ...]:
    cuts = np.flatnonzero(np.diff(slots) != 1) + 1
    return tuple((int(part[0]), len(part)) for part in np.split(slots, cuts))


def make_case(seed: int, shapes: list[tuple[int, int]], *, shared: int = 0, scatter: bool = False) -> Case:
    """``shapes`` are (first_position, count) per entry; the first ``shared`` positions are the same slots."""
    draw = np.random.default_rng(seed)
    torch.manual_seed(seed)
    pool = KVPool(
        num_layers=1,
        num_pages=200,
        page_size=PAGE,
        num_kv_heads=KV_HEADS,
        head_dim=HEAD_DIM,
        dtype=torch.float32,
        device=torch.device("cpu"),
    )
    pages = draw.permutation(np.arange(1, 201)) if scatter else np.arange(1, 201)
    taken = 0

    def take(tokens: int) -> np.ndarray:
        nonlocal taken
        count = -(-tokens // PAGE)
        chosen = pages[taken : taken + count]
        taken += count
        return (chosen[:, None] * PAGE + np.arange(PAGE)).reshape(-1)[:tokens]

    common = take(shared) if shared else np.empty(0, dtype=np.int64)
    common_key = torch.randn(shared, KV_HEADS, HEAD_DIM)
    common_value = torch.randn(shared, KV_HEADS, HEAD_DIM)
    spans, new_slots, keys, values, full_keys, full_values = [], [], [], [], [], []
    at = 0
    for first, count in shapes:
        head = common[: min(shared, first)]
        own = take(first + count - len(head))
        slots = np.concatenate([head, own]).astype(np.int64)
        key = torch.cat([common_key[: len(head)], torch.randn(len(own), KV_HEADS, HEAD_DIM)])
        value = torch.cat([common_value[: len(head)], torch.randn(len(own), KV_HEADS, HEAD_DIM)])
        pool.store(0, torch.from_numpy(slots[:first]), key[:first], value[:first])
        spans.append(Span(at, count, first, runs_of(slots)))
        new_slots.append(slots[first:])
        keys.append(key[first:])
        values.append(value[first:])
        full_keys.append(key)
        full_values.append(value)
        at += count
    query = torch.randn(at, HEADS, HEAD_DIM)
    slots_tensor = torch.from_numpy(np.concatenate(new_slots))
    return Case(pool, spans, slots_tensor, query, torch.cat(keys), torch.cat(values), full_keys, full_values)


def expected(case: Case, window: int | None, softcap: float | None) -> Tensor:
    rows = []
    for span, key, value in zip(case.spans, case.full_keys, case.full_values, strict=True):
        query = case.query[span.query_start : span.query_start + span.count]
        rows.append(
            attend_dense(
                query, key, value, first_position=span.first_position, first_key=0, window=window, softcap=softcap
            )
        )
    return torch.cat(rows).flatten(1)


MIXED = [(20, 1), (0, 9), (13, 1), (20, 6), (33, 1), (24, 1)]
DECODES = [(20, 1), (33, 1), (24, 1), (21, 1), (63, 1)]


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("scatter", [False, True])
@pytest.mark.parametrize("shared", [0, 20])
@pytest.mark.parametrize("window", [None, 1, 7, 30])
@pytest.mark.parametrize("shapes", [MIXED, DECODES, [(0, 17)], [(0, 1)]], ids=["mixed", "decodes", "prompt", "first"])
@pytest.mark.parametrize("padded", [False, True])
def test_equals_the_plain_twin(
    shapes: list[tuple[int, int]],
    window: int | None,
    shared: int,
    scatter: bool,
    deterministic: bool,
    padded: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cpu, "CALL_SECONDS", 1.0 if padded else 0.0)
    case = make_case(3, shapes, shared=shared, scatter=scatter)
    backend = CpuAttention(case.pool, windows=[window], softcap=None, deterministic=deterministic)
    got = backend.plan(case.spans, case.slots).forward(0, case.query, case.key, case.value)
    torch.testing.assert_close(got, expected(case, window, None), atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("window", [None, 7])
def test_soft_cap(window: int | None) -> None:
    case = make_case(5, MIXED, shared=8)
    backend = CpuAttention(case.pool, windows=[window], softcap=0.7, deterministic=False)
    got = backend.plan(case.spans, case.slots).forward(0, case.query, case.key, case.value)
    torch.testing.assert_close(got, expected(case, window, 0.7), atol=2e-6, rtol=1e-5)
    uncapped = expected(case, window, None)
    assert (got - uncapped).abs().max() > 1e-2


def test_deterministic_gives_the_same_bits_whatever_the_batch_and_chunks() -> None:
    whole = make_case(9, [(0, 40)], scatter=True)
    backend = CpuAttention(whole.pool, windows=[None], softcap=None, deterministic=True)
    at_once = backend.plan(whole.spans, whole.slots).forward(0, whole.query, whole.key, whole.value)
    span = whole.spans[0]
    for first, count in ((0, 13), (13, 1), (14, 26)):
        part = slice(first, first + count)
        chunk = Span(0, count, first, runs_of(whole.slots.numpy()[: first + count]))
        got = backend.plan([chunk], whole.slots[part]).forward(0, whole.query[part], whole.key[part], whole.value[part])
        assert torch.equal(got, at_once[part])
    assert span.context == 40
