"""Every way the CPU backend computes attention equals the plain twin, for ragged batches over paged KV."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sgl.attention import cpu, kernel, plan
from sgl.attention.cpu import CpuAttention
from sgl.attention.reference import attend_dense
from sgl.batch.context import Span
from sgl.config.kv import KvStorage
from sgl.kvcache.pool import KVPool, Pool
from sgl.kvcache.scaled import ScaledPool

HEADS, KV_HEADS, HEAD_DIM, PAGE = 4, 2, 8, 4


@dataclass
class Case:
    """A batch: what is cached, what is new, where it lies."""

    pool: Pool
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


def make_pool(kind: torch.dtype | KvStorage) -> Pool:
    shape = {"num_layers": 1, "num_pages": 200, "page_size": PAGE, "num_kv_heads": KV_HEADS, "head_dim": HEAD_DIM}
    if isinstance(kind, torch.dtype):
        return KVPool(**shape, dtype=kind, device=torch.device("cpu"))
    return ScaledPool(**shape, storage=kind, device=torch.device("cpu"))


def make_case(
    seed: int,
    shapes: list[tuple[int, int]],
    *,
    shared: int = 0,
    scatter: bool = False,
    kind: torch.dtype | KvStorage = torch.float32,
) -> Case:
    """``shapes`` are (first_position, count) per entry; the first ``shared`` positions are the same slots."""
    draw = np.random.default_rng(seed)
    torch.manual_seed(seed)
    pool = make_pool(kind)
    dtype = kind if isinstance(kind, torch.dtype) else torch.float32
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
    query = torch.randn(at, HEADS, HEAD_DIM).to(dtype)
    slots_tensor = torch.from_numpy(np.concatenate(new_slots))
    new_key, new_value = torch.cat(keys).to(dtype), torch.cat(values).to(dtype)
    return Case(pool, spans, slots_tensor, query, new_key, new_value, full_keys, full_values)


@dataclass(frozen=True)
class Options:
    """What a model's attention has beside heads."""

    window: int | None = None
    softcap: float | None = None
    scale: float | None = None
    sinks: Tensor | None = None


def as_kept(pool: Pool, states: Tensor) -> Tensor:
    """What a pool makes of K or V: the codecs have tests of their own."""
    return states if isinstance(pool, KVPool) else pool._codec.decode(*pool._codec.encode(states))  # type: ignore[attr-defined]


def expected(case: Case, options: Options) -> Tensor:
    rows = []
    dtype = case.query.dtype
    for span, key, value in zip(case.spans, case.full_keys, case.full_values, strict=True):
        key, value = as_kept(case.pool, key.to(dtype)), as_kept(case.pool, value.to(dtype))
        query = case.query[span.query_start : span.query_start + span.count]
        given = {name: getattr(options, name) for name in ("window", "softcap", "scale", "sinks")}
        rows.append(attend_dense(query, key, value, first_position=span.first_position, first_key=0, **given).mixed)
    return torch.cat(rows).flatten(1)


def computed(case: Case, options: Options, *, deterministic: bool = False) -> Tensor:
    backend = CpuAttention(
        case.pool,
        windows=[options.window],
        softcap=options.softcap,
        scale=options.scale,
        deterministic=deterministic,
    )
    planned = backend.plan(case.spans, case.slots)
    return planned.forward(0, case.query, case.key, case.value, options.sinks)


MIXED = [(20, 1), (0, 9), (13, 1), (20, 6), (33, 1), (24, 1)]
DECODES = [(20, 1), (33, 1), (24, 1), (21, 1), (63, 1)]
SHAPES = pytest.mark.parametrize(
    "shapes", [MIXED, DECODES, [(0, 17)], [(0, 1)]], ids=["mixed", "decodes", "prompt", "first"]
)
SINKS = torch.tensor([-2.0, 0.0, 1.5, 4.0])
EXTRAS = {
    "plain": Options(),
    "scale": Options(scale=0.9),
    "sinks": Options(sinks=SINKS),
    "softcap": Options(softcap=0.7),
    "all": Options(softcap=0.7, scale=0.9, sinks=SINKS),
}


@pytest.mark.parametrize("window", [None, 1, 7, 30])
@pytest.mark.parametrize("extra", EXTRAS)
@SHAPES
def test_equals_the_plain_twin(
    shapes: list[tuple[int, int]], extra: str, window: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = replace(EXTRAS[extra], window=window)
    for shared, scatter, padded, deterministic in itertools.product([0, 20], [False, True], [0.0, 1.0], [False, True]):
        monkeypatch.setattr(plan, "CALL_SECONDS", padded)
        case = make_case(3, shapes, shared=shared, scatter=scatter)
        got = computed(case, options, deterministic=deterministic)
        torch.testing.assert_close(got, expected(case, options), atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", ["int8", "fp8_e4m3", torch.bfloat16], ids=str)
@pytest.mark.parametrize("extra", ["plain", "all"])
@SHAPES
def test_narrow_types_equal_the_plain_twin_over_what_they_keep(
    shapes: list[tuple[int, int]], extra: str, kind: torch.dtype | KvStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs are cut to tiles of 8 tokens, and gathers of single queries to pieces of 5."""
    monkeypatch.setattr(cpu, "TILE_ELEMENTS", 8 * KV_HEADS * HEAD_DIM)
    monkeypatch.setattr(plan, "PIECE_TOKENS", 5)
    atol, rtol = (2e-2, 2e-2) if isinstance(kind, torch.dtype) else (2e-6, 1e-5)
    for window, shared, padded, deterministic in itertools.product([None, 7], [0, 20], [0.0, 1.0], [False, True]):
        monkeypatch.setattr(plan, "CALL_SECONDS", padded)
        case = make_case(4, shapes, shared=shared, kind=kind)
        options = replace(EXTRAS[extra], window=window)
        got = computed(case, options, deterministic=deterministic)
        assert got.dtype == case.query.dtype
        torch.testing.assert_close(got, expected(case, options), atol=atol, rtol=rtol)


@pytest.mark.parametrize("scores", [1, 40, 10**6])
@pytest.mark.parametrize("cap", [0.7, kernel.LARGEST_PLAIN_CAP + 1, 1000.0])
def test_scores_are_capped_in_blocks_of_any_size(scores: int, cap: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where exp(cap) is beyond float32."""
    monkeypatch.setattr(kernel, "SCORES", scores)
    case = make_case(7, MIXED, shared=8)
    case.query.mul_(300.0)
    options = Options(softcap=cap)
    torch.testing.assert_close(computed(case, options), expected(case, options), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("extra", [name for name in EXTRAS if name != "plain"])
def test_each_extra_changes_the_result(extra: str) -> None:
    """So that a path which ignored it could not pass."""
    case = make_case(5, MIXED, shared=8)
    assert (expected(case, EXTRAS[extra]) - expected(case, Options())).abs().max() > 1e-2


def test_a_sink_is_a_key_without_a_value() -> None:
    """The twin's own twin: one more key whose score is the sink and whose value is zero."""
    case = make_case(6, [(0, 5)])
    scores = torch.einsum("qhd,khd->hqk", case.query, case.key.repeat_interleave(HEADS // KV_HEADS, 1)) * HEAD_DIM**-0.5
    scores = scores.masked_fill(torch.ones(5, 5).triu(1).bool(), -torch.inf)
    scores = torch.cat([scores, SINKS.view(HEADS, 1, 1).expand(HEADS, 5, 1)], dim=-1)
    values = torch.cat([case.value, torch.zeros(1, KV_HEADS, HEAD_DIM)]).repeat_interleave(HEADS // KV_HEADS, 1)
    wanted = torch.einsum("hqk,khd->qhd", scores.softmax(-1), values).flatten(1)
    torch.testing.assert_close(computed(case, Options(sinks=SINKS)), wanted, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", [torch.float32, "int8", "fp8_e4m3"], ids=str)
@pytest.mark.parametrize("softcap", [None, 0.7])
def test_deterministic_gives_the_same_bits_whatever_the_batch_and_chunks(
    softcap: float | None, kind: torch.dtype | KvStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "PIECE_TOKENS", 16)
    whole = make_case(9, [(0, 40)], scatter=True, kind=kind)
    backend = CpuAttention(whole.pool, windows=[None], softcap=softcap, deterministic=True)
    at_once = backend.plan(whole.spans, whole.slots).forward(0, whole.query, whole.key, whole.value)
    for first, count in ((0, 13), (13, 1), (14, 26)):
        part = slice(first, first + count)
        chunk = Span(0, count, first, runs_of(whole.slots.numpy()[: first + count]))
        got = backend.plan([chunk], whole.slots[part]).forward(0, whole.query[part], whole.key[part], whole.value[part])
        assert torch.equal(got, at_once[part])


def test_a_windowed_prompt_never_holds_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call of a prompt that is longer than its window sees no more than a window of keys for a block of rows."""
    largest = []
    right = kernel.Flash.__call__

    def watched(self: kernel.Flash, query: Tensor, key: Tensor, value: Tensor, **options: Any) -> tuple[Tensor, Tensor]:
        assert options.get("mask") is None
        largest.append(query.shape[2] * key.shape[2])
        return right(self, query, key, value, **options)

    monkeypatch.setattr(kernel.Flash, "__call__", watched)
    case = make_case(8, [(0, 200)])
    options = Options(window=16)
    torch.testing.assert_close(computed(case, options), expected(case, options), atol=2e-6, rtol=1e-5)
    assert max(largest) <= (HEADS // KV_HEADS) * 16 * 16
