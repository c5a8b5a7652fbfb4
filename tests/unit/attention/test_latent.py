"""Latent attention, absorbed and expanded, equals the definition written out with keys and values of every head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from sgl.attention import latent, plan
from sgl.attention.latent import CpuLatentAttention
from sgl.batch.context import Span
from sgl.config.kv import KvStorage
from sgl.config.latent import LatentConfig
from sgl.kernels.latent import KvUp
from sgl.kvcache.codec import CODECS
from sgl.kvcache.latent import LatentPool, VectorPool
from sgl.kvcache.latent_scaled import ScaledLatentPool
from tests.unit.attention.test_cpu import runs_of

HEADS, PAGE, SCALE = 3, 4, 0.31
WIDTHS = LatentConfig(q_rank=None, kv_rank=20, nope_dim=7, rope_dim=4, value_dim=9)
WIDE_VALUES = LatentConfig(q_rank=None, kv_rank=12, nope_dim=5, rope_dim=2, value_dim=13)
Choice = Callable[[Span], bool]


@dataclass
class Case:
    """A batch: what is cached, what is new, where it lies, and what attention of it is."""

    widths: LatentConfig
    pool: VectorPool
    spans: list[Span]
    slots: Tensor
    query: Tensor
    latent: Tensor
    weight: Tensor
    expected: Tensor


def defined(widths: LatentConfig, query: Tensor, latent: Tensor, weight: Tensor, first: int) -> Tensor:
    """[count, HEADS * value_dim] of one span, in float64: keys and values of all heads, then a softmax per query."""
    query, latent, weight = query.double(), latent.double(), weight.double()
    both = (latent[:, : widths.kv_rank] @ weight.T).view(len(latent), HEADS, widths.nope_dim + widths.value_dim)
    position = latent[:, None, widths.kv_rank :].expand(-1, HEADS, -1)
    keys = torch.cat([both[..., : widths.nope_dim], position], dim=-1)
    rows = []
    for index, row in enumerate(query):
        seen = first + index + 1
        scores = torch.einsum("hd,khd->hk", row, keys[:seen]) * SCALE
        rows.append(torch.einsum("hk,khd->hd", scores.softmax(-1), both[:seen, :, widths.nope_dim :]).flatten())
    return torch.stack(rows).float()


def make_pool(widths: LatentConfig, storage: KvStorage | None) -> VectorPool:
    shape = {"num_layers": 1, "num_pages": 200, "page_size": PAGE}
    cpu = torch.device("cpu")
    if storage is None:
        return LatentPool(**shape, width=widths.cached_width, dtype=torch.float32, device=cpu)
    parts = (widths.kv_rank, widths.rope_dim)
    return ScaledLatentPool(**shape, parts=parts, storage=storage, device=cpu)


def kept(widths: LatentConfig, rows: Tensor, storage: KvStorage | None) -> Tensor:
    """Vectors as they are read again: each part rounded by its own scale."""
    if storage is None:
        return rows
    codec = CODECS[storage]
    parts = torch.split(rows, [widths.kv_rank, widths.rope_dim], dim=-1)
    return torch.cat([codec.decode(*codec.encode(part)) for part in parts], dim=-1)


def make_case(
    seed: int,
    shapes: list[tuple[int, int]],
    *,
    shared: int = 0,
    scatter: bool = False,
    widths: LatentConfig = WIDTHS,
    storage: KvStorage | None = None,
) -> Case:
    """``shapes`` are (first_position, count) per entry; the first ``shared`` positions are the same slots."""
    draw = np.random.default_rng(seed)
    torch.manual_seed(seed)
    pool = make_pool(widths, storage)
    weight = torch.randn(HEADS * (widths.nope_dim + widths.value_dim), widths.kv_rank) / 3
    pages = iter((draw.permutation(200) if scatter else np.arange(200)) + 1)

    def take(tokens: int) -> np.ndarray:
        taken = np.array([next(pages) for _ in range(-(-tokens // PAGE))], dtype=np.int64)
        return (taken[:, None] * PAGE + np.arange(PAGE)).reshape(-1)[:tokens]

    common, common_rows = take(shared), torch.randn(shared, widths.cached_width)
    spans, new_slots, queries, latents, expected = [], [], [], [], []
    at = 0
    for first, count in shapes:
        head = common[: min(shared, first)]
        slots = np.concatenate([head, take(first + count - len(head))]).astype(np.int64)
        rows = torch.cat([common_rows[: len(head)], torch.randn(len(slots) - len(head), widths.cached_width)])
        query = torch.randn(count, HEADS, widths.nope_dim + widths.rope_dim)
        cached = rows[:first].unsqueeze(1)
        pool.store(0, torch.from_numpy(slots[:first]), cached, cached)
        spans.append(Span(at, count, first, runs_of(slots)))
        new_slots.append(slots[first:])
        queries.append(query)
        latents.append(rows[first:])
        expected.append(defined(widths, query, kept(widths, rows, storage), weight, first))
        at += count
    slots_tensor = torch.from_numpy(np.concatenate(new_slots))
    return Case(widths, pool, spans, slots_tensor, torch.cat(queries), torch.cat(latents), weight, torch.cat(expected))


def computed(case: Case, choice: Choice | None = None, *, deterministic: bool = False) -> Tensor:
    backend = CpuLatentAttention(case.pool, latent=case.widths, heads=HEADS, scale=SCALE, deterministic=deterministic)
    if choice is not None:
        backend.expands = choice  # type: ignore[method-assign, assignment]
    up = KvUp(case.weight, HEADS, case.widths.nope_dim, deterministic=deterministic)
    return backend.plan(case.spans, case.slots).forward(0, case.query, case.latent, up)


MIXED = [(20, 1), (0, 9), (13, 1), (20, 6), (33, 1), (24, 1), (0, 1), (40, 12)]
DECODES = [(20, 1), (33, 1), (24, 1), (21, 1), (63, 1)]
CHOICES: dict[str, Choice | None] = {
    "counted": None,
    "absorbed": lambda span: False,
    "expanded": lambda span: True,
    "alternating": lambda span: span.query_start % 2 == 0,
}


@pytest.mark.parametrize("padded", [False, True], ids=["views", "padded"])
@pytest.mark.parametrize("scatter", [False, True], ids=["runs", "scattered"])
@pytest.mark.parametrize("shared", [0, 20])
@pytest.mark.parametrize("shapes", [MIXED, DECODES, [(0, 17)], [(0, 1)]], ids=["mixed", "decodes", "prompt", "first"])
@pytest.mark.parametrize("choice", CHOICES)
def test_equals_the_definition(
    choice: str,
    shapes: list[tuple[int, int]],
    shared: int,
    scatter: bool,
    padded: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "CALL_SECONDS", 1.0 if padded else 0.0)
    case = make_case(3, shapes, shared=shared, scatter=scatter)
    torch.testing.assert_close(computed(case, CHOICES[choice]), case.expected, atol=3e-6, rtol=1e-5)


@pytest.mark.parametrize("block", [1, 300, 700], ids=["token by token", "cut runs", "two blocks"])
@pytest.mark.parametrize("scatter", [False, True], ids=["runs", "scattered"])
def test_a_long_prefix_is_expanded_in_blocks(block: int, scatter: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent, "EXPANDED_ELEMENTS", block)
    case = make_case(6, MIXED, shared=20, scatter=scatter)
    torch.testing.assert_close(computed(case, CHOICES["expanded"]), case.expected, atol=3e-6, rtol=1e-5)


@pytest.mark.parametrize("storage", CODECS)
@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("choice", CHOICES)
def test_rounded_vectors_are_what_is_attended_to(choice: str, deterministic: bool, storage: KvStorage) -> None:
    """New tokens, too, see what a later step will find."""
    case = make_case(8, MIXED, shared=20, scatter=True, storage=storage)
    got = computed(case, CHOICES[choice], deterministic=deterministic)
    torch.testing.assert_close(got, case.expected, atol=3e-6, rtol=1e-5)
    exact = make_case(8, MIXED, shared=20, scatter=True)
    assert (case.expected - exact.expected).abs().max() > 1e-3


@pytest.mark.parametrize("choice", CHOICES)
def test_values_may_be_wider_than_keys(choice: str) -> None:
    case = make_case(3, MIXED, shared=20, widths=WIDE_VALUES)
    torch.testing.assert_close(computed(case, CHOICES[choice]), case.expected, atol=3e-6, rtol=1e-5)


@pytest.mark.parametrize("shapes", [MIXED, DECODES], ids=["mixed", "decodes"])
def test_deterministic_equals_the_definition(shapes: list[tuple[int, int]]) -> None:
    case = make_case(4, shapes, shared=20, scatter=True)
    torch.testing.assert_close(computed(case, deterministic=True), case.expected, atol=3e-6, rtol=1e-5)


def test_deterministic_gives_the_same_bits_whatever_the_batch_and_chunks() -> None:
    whole = make_case(7, [(0, 23), (5, 1), (0, 40)], scatter=True)
    everything = computed(whole, deterministic=True)
    up = KvUp(whole.weight, HEADS, WIDTHS.nope_dim, deterministic=True)
    backend = CpuLatentAttention(whole.pool, latent=WIDTHS, heads=HEADS, scale=SCALE, deterministic=True)
    for span in whole.spans:
        for first in range(0, span.count, 7):
            count = min(7, span.count - first)
            rows = slice(span.query_start + first, span.query_start + first + count)
            part = Span(0, count, span.first_position + first, span.runs)
            planned = backend.plan([part], whole.slots[rows])
            assert torch.equal(planned.forward(0, whole.query[rows], whole.latent[rows], up), everything[rows])


def test_new_vectors_are_stored_and_nothing_else_changes() -> None:
    case = make_case(5, MIXED, shared=8)
    assert isinstance(case.pool, LatentPool)
    before = case.pool.vectors[0].clone()
    computed(case, CHOICES["alternating"])
    assert torch.equal(case.pool.vectors[0][case.slots], case.latent)
    before[case.slots] = case.pool.vectors[0][case.slots]
    # The first page is padding; the rest of the pool is uninitialised, so bytes are compared.
    assert torch.equal(case.pool.vectors[0].view(torch.int32), before.view(torch.int32))


def test_the_two_halves_of_the_matrix_are_its_products() -> None:
    torch.manual_seed(1)
    weight = torch.randn(HEADS * 16, 20, dtype=torch.float64)
    query, vectors = torch.randn(5, HEADS, 7, dtype=torch.float64), torch.randn(11, 20, dtype=torch.float64)
    shares = torch.rand(5, HEADS, 11, dtype=torch.float64)
    by_head = (vectors @ weight.T).view(11, HEADS, 16)
    for deterministic in (False, True):
        up = KvUp(weight, HEADS, 7, deterministic=deterministic)
        keys, values = up.expand(vectors)
        torch.testing.assert_close(keys, by_head[..., :7].transpose(0, 1))
        torch.testing.assert_close(values, by_head[..., 7:].transpose(0, 1))
        scores = torch.einsum("qhr,kr->qhk", up.absorb(query), vectors)
        torch.testing.assert_close(scores, torch.einsum("qhd,khd->qhk", query, by_head[..., :7]))
        mixed = up.mix(torch.einsum("qhk,kr->qhr", shares, vectors))
        torch.testing.assert_close(mixed, torch.einsum("qhk,khd->qhd", shares, by_head[..., 7:]))


def test_the_form_with_fewer_multiplications_is_chosen() -> None:
    """Widths of DeepSeek-V2 and V3: a prompt is expanded, a decode row and few tokens after a long prefix are not."""
    widths = LatentConfig(q_rank=None, kv_rank=512, nope_dim=128, rope_dim=64, value_dim=128)
    pool = LatentPool(
        num_layers=1, num_pages=1, page_size=1, width=576, dtype=torch.float32, device=torch.device("cpu")
    )

    def expands(prefix: int, count: int, *, deterministic: bool = False) -> bool:
        backend = CpuLatentAttention(pool, latent=widths, heads=16, scale=None, deterministic=deterministic)
        return backend.expands(Span(0, count, prefix, ()))

    assert expands(0, 512)
    assert expands(4096, 512)
    assert not expands(4096, 64)
    assert expands(40, 128)
    assert not expands(40, 64)
    assert not any(expands(prefix, 1) for prefix in (0, 1, 1000))
    assert not expands(0, 512, deterministic=True)
