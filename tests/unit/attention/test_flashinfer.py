"""FlashInfer is told where everything is: with a fake in its place, results are those of our twins."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from torch import Tensor

from sgl.attention.flashinfer import FlashInferAttention
from sgl.attention.flashinfer_latent import FlashInferLatentAttention
from sgl.attention.flashinfer_pages import StepPages
from sgl.batch.paged import HostLayout, PagedBatch
from sgl.config.flashinfer import LEAST_WORKSPACE, workspace_bytes
from sgl.config.latent import LatentConfig
from sgl.engine.gpu.attention import GpuAttention, _told_plainly
from sgl.errors import StartupError
from sgl.kernels.latent import KvUp
from sgl.kernels.twins.extend_attention import extend_attention
from sgl.kernels.twins.latent_attention import latent_attention
from sgl.kvcache.latent import LatentPool
from sgl.kvcache.pool import KVPool
from tests.harness import LocalEngine, generate
from tests.unit.attention.fake_flashinfer import Calls, install

CPU: Final = torch.device("cpu")
PAGE_SIZE: Final = 4
PAGES: Final = 24
WINDOWS: Final = (None, 3, None)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    return install(monkeypatch)


def step_pages(sequences: int = 4) -> StepPages:
    return StepPages(sequences=sequences, indices=40, page_size=PAGE_SIZE, device=CPU)


def batch_of(lengths: list[int], counts: list[int], *, captured: bool = False) -> PagedBatch:
    """Sequences of ``lengths``, 0 for padding, in pages that nobody else has, in no order."""
    torch.manual_seed(len(lengths))
    pages = (1 + torch.randperm(PAGES)).tolist()
    table = torch.full((len(lengths), 8), 10**6, dtype=torch.int32)
    for row, length in enumerate(lengths):
        for column in range(-(-length // PAGE_SIZE)):
            table[row, column] = pages.pop()
    host = HostLayout(np.array(lengths, np.int32), np.array(counts, np.int32))
    slots = []
    for row, (length, count) in enumerate(zip(lengths, counts, strict=True)):
        own = [int(table[row, at // PAGE_SIZE]) * PAGE_SIZE + at % PAGE_SIZE for at in range(length - count, length)]
        slots += own if length else [-1] * count
    return PagedBatch(
        slots=torch.tensor(slots),
        page_table=table,
        seq_lens=torch.tensor(lengths, dtype=torch.int32),
        cu_q=torch.tensor([0, *np.cumsum(counts)], dtype=torch.int32),
        decodes=next((at for at, count in enumerate(counts) if count > 1), len(counts)),
        longest_query=max(counts),
        host=None if captured else host,
    )


def told(batch: PagedBatch, counts: list[int]) -> HostLayout:
    return HostLayout(batch.seq_lens.numpy().copy(), np.array(counts, np.int32))


def pool_of(batch: PagedBatch, kv_heads: int) -> KVPool:
    """Random where a batch may read, NaN elsewhere."""
    shape: dict[str, Any] = {"num_pages": PAGES, "page_size": PAGE_SIZE, "num_kv_heads": kv_heads, "head_dim": 8}
    pool = KVPool(num_layers=len(WINDOWS), dtype=torch.float32, device=CPU, **shape)
    for states in (*pool.keys, *pool.values):
        states[PAGE_SIZE:] = math.nan
        fill(states, batch)
    return pool


def fill(states: Tensor, batch: PagedBatch) -> None:
    for row, length in enumerate(batch.seq_lens.tolist()):
        at = torch.arange(length)
        slots = batch.page_table[row].long()[at // PAGE_SIZE] * PAGE_SIZE + at % PAGE_SIZE
        states[slots] = torch.randn(length, *states.shape[1:])


def attention(pool: KVPool, heads: int, softcap: float | None = None) -> FlashInferAttention:
    return FlashInferAttention(
        pool,
        heads=heads,
        windows=WINDOWS,
        softcap=softcap,
        scale=0.3,
        pages=step_pages(),
        multiprocessors=4,
        largest_captured=4,
        device=CPU,
    )


def wanted(pool: KVPool, layer: int, batch: PagedBatch, query: Tensor, softcap: float | None = None) -> Tensor:
    mixed, _ = extend_attention(
        query,
        pool.keys[layer],
        pool.values[layer],
        batch.page_table,
        batch.seq_lens,
        batch.cu_q,
        page_size=PAGE_SIZE,
        scale=0.3,
        window=WINDOWS[layer],
        softcap=softcap,
    )
    return mixed.flatten(1)


@pytest.mark.parametrize(
    ("lengths", "counts", "kinds"),
    [
        ([9, 1, 12], [1, 1, 1], {"single"}),
        ([7, 13], [7, 5], {"longer"}),
        ([4, 21, 6, 8], [1, 1, 6, 2], {"single", "longer"}),
        ([10, 0], [1, 1], {"single"}),
    ],
    ids=["decodes", "prompts", "both", "padding"],
)
@pytest.mark.parametrize(("heads", "softcap"), [(4, None), (8, 2.5)])
def test_a_step(
    calls: Calls, lengths: list[int], counts: list[int], kinds: set[str], heads: int, softcap: float | None
) -> None:
    batch = batch_of(lengths, counts)
    pool = pool_of(batch, kv_heads=2)
    planned = attention(pool, heads, softcap).plan(batch)
    # One plan for each window, however many layers there are.
    assert sorted(kind for kind, _ in calls.plans) == sorted([*kinds] * 2)
    assert [each["tensor_cores"] for each in calls.wrappers] == [heads == 8] * 2
    query = torch.randn(sum(counts), heads + 1, 8)[:, :heads]
    for layer in range(len(WINDOWS)):
        torch.testing.assert_close(planned.attend(layer, query), wanted(pool, layer, batch, query, softcap))
    target = planned.target(1)
    assert target.slots is batch.slots
    assert target.keys is pool.keys[1]


def test_a_captured_step_finds_what_was_prepared_for_it(calls: Calls) -> None:
    first, second = batch_of([5, 17, 0], [1, 1, 1], captured=True), batch_of([6, 0, 23], [1, 1, 1], captured=True)
    pool = pool_of(first, kv_heads=2)
    for states in (*pool.keys, *pool.values):
        fill(states, second)
    backend = attention(pool, heads=4)
    query = torch.randn(3, 4, 8)
    backend.prepare(HostLayout.padding(3))
    backend.prepare(HostLayout.padding(2))
    places = backend.pages.starts.data_ptr(), backend.pages.indices.data_ptr()
    for batch in (first, second, first):
        backend.prepare(told(batch, [1, 1, 1]))
        planned_before = len(calls.plans)
        planned = backend.plan(batch)
        for layer in range(len(WINDOWS)):
            torch.testing.assert_close(planned.attend(layer, query), wanted(pool, layer, batch, query))
        # Nothing of this may be captured.
        assert len(calls.plans) == planned_before
    assert places == (backend.pages.starts.data_ptr(), backend.pages.indices.data_ptr())
    # Two wrappers for steps that are not captured, and two for each size.
    assert [each["captured"] for each in calls.wrappers] == [False] * 2 + [True] * 4


def test_host_arrays_are_written_when_the_last_copies_have_gone(calls: Calls) -> None:
    batch = batch_of([9, 6], [1, 6])
    backend = attention(pool_of(batch, kv_heads=2), heads=4)
    order: list[str] = []

    class Event:
        def synchronize(self) -> None:
            order.append(f"wait, {len(calls.plans)} plans")

        def record(self) -> None:
            order.append(f"mark, {len(calls.plans)} plans")

    backend.pages._copied = Event()
    backend.plan(batch)
    backend.prepare(HostLayout.padding(2))
    assert order == ["wait, 0 plans", "mark, 4 plans", "wait, 4 plans", "mark, 6 plans"]


def test_warming_up_runs_every_kernel(calls: Calls) -> None:
    batch = batch_of([1], [1])
    attention(pool_of(batch, kv_heads=2), heads=4).warm_up()
    assert sorted(calls.runs) == ["longer", "longer", "single", "single"]


def test_what_does_not_fit_and_what_cannot_be_is_an_error(calls: Calls) -> None:
    batch = batch_of([9], [1])
    backend = attention(pool_of(batch, kv_heads=2), heads=4)
    with pytest.raises(ValueError, match="there is room for 4 sequences with 40 pages"):
        backend.plan(PagedBatch.padding([1] * 5, CPU))
    with pytest.raises(ValueError, match="no attention sinks"):
        backend.plan(batch).attend(0, torch.zeros(1, 4, 8), torch.zeros(4))


def test_the_workspace_grows_with_what_is_split() -> None:
    sizes: dict[str, int] = {"kv_heads": 8, "head_dim": 128, "multiprocessors": 132}
    assert workspace_bytes(heads=16, largest_captured=8, **sizes) == LEAST_WORKSPACE
    # Group 8: 33 blocks of 128 packed queries are more than FlashInfer recommends room for.
    needed = 64 * 33 * 128 * 4 * (128 + 1)
    assert needed <= workspace_bytes(heads=64, largest_captured=8, **sizes) <= needed + 2 * 2**20
    captured = 64 * (128 + 256) * 16 * 4 * (128 + 1)
    assert captured <= workspace_bytes(heads=64, largest_captured=256, **sizes) <= captured + 2 * 2**20


@pytest.mark.parametrize("captured", [False, True])
def test_latent_attention(calls: Calls, captured: bool) -> None:
    torch.manual_seed(0)
    widths = LatentConfig(q_rank=None, kv_rank=16, nope_dim=8, rope_dim=4, value_dim=8)
    counts = [1, 1, 1] if captured else [1, 1, 6, 2]
    batch = batch_of([4, 21, 0] if captured else [4, 21, 6, 9], counts, captured=captured)
    pool = LatentPool(num_layers=1, num_pages=PAGES, page_size=PAGE_SIZE, width=20, dtype=torch.float32, device=CPU)
    pool.vectors[0][PAGE_SIZE:] = math.nan
    fill(pool.vectors[0], batch)
    backend = FlashInferLatentAttention(
        pool, latent=widths, heads=2, scale=None, pages=step_pages(), dependent=False, device=CPU
    )
    backend.warm_up()
    if captured:
        backend.prepare(HostLayout.padding(3))
        backend.prepare(told(batch, counts))
    up = KvUp(torch.randn(2 * 16, 16), 2, 8, deterministic=False)
    query, latent = torch.randn(sum(counts), 2, 12), torch.randn(sum(counts), 20)
    got = backend.plan(batch).forward(0, query, latent, up)
    own = batch.slots >= 0
    assert pool.vectors[0][batch.slots[own]].equal(latent[own])
    absorbed = torch.cat([up.absorb(query[..., :8]), query[..., 8:]], dim=-1)
    mixed = latent_attention(
        absorbed,
        pool.vectors[0],
        16,
        batch.page_table,
        batch.seq_lens,
        batch.cu_q,
        page_size=PAGE_SIZE,
        scale=12**-0.5,
    )
    torch.testing.assert_close(got, up.mix(mixed).flatten(1))
    assert {kind for kind, _ in calls.plans} == {"latent"}


def test_an_engine_says_what_the_one_for_cpus_says(
    calls: Calls, stories260k: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GpuAttention, "_triton", lambda own, pool: own._flashinfer(pool, pool.num_pages))
    assert tokens_of(stories260k, attention_backend="triton", cuda_graph_max_bs=1) == tokens_of(stories260k)
    assert {"single", "longer"} == set(calls.runs)
    assert any(each["captured"] for each in calls.wrappers)


def tokens_of(folder: Path, **options: Any) -> dict[int, list[int]]:
    """A prompt, and a captured step behind it."""
    engine = LocalEngine.load(
        folder, dtype="float32", max_total_tokens=32, page_size=4, max_running_requests=1, **options
    )
    engine.submit(generate(1, [1, 403, 407, 261, 378], max_new_tokens=2, ignore_eos=True))
    return {rid: answer.tokens for rid, answer in engine.finish().items()}


@pytest.mark.parametrize(("error", "wanted_error"), [(OSError("no nvcc\nat all"), StartupError), (None, None)])
def test_kernels_that_cannot_be_made_end_the_start_in_one_line(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, error: Exception | None, wanted_error: type[Exception] | None
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise error or torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(sys.modules["flashinfer"], "BatchDecodeWithPagedKVCacheWrapper", fail)
    with pytest.raises(wanted_error or torch.OutOfMemoryError) as caught, _told_plainly():
        attention(pool_of(batch_of([1], [1]), kv_heads=2), heads=4)
    if wanted_error:
        assert str(caught.value) == "FlashInfer's kernels do not run here: OSError: no nvcc"
