"""Attention by torch's operations and by our kernels is the same."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pytest
import torch
from torch import Tensor

from sgl.attention.paged_torch import TorchAttention, TorchLatentAttention
from sgl.attention.triton import TritonAttention
from sgl.attention.triton_fixed import FixedTritonAttention
from sgl.attention.triton_latent import TritonLatentAttention
from sgl.batch.paged import HostLayout, PagedBatch
from sgl.config.kv import KvStorage
from sgl.config.latent import LatentConfig
from sgl.config.latent_room import LatentRoom
from sgl.kernels.latent import KvUp
from sgl.kvcache.latent import LatentPool
from sgl.kvcache.latent_scaled import ScaledLatentPool
from sgl.kvcache.pool import KVPool
from sgl.kvcache.scaled import ScaledPool

CPU: Final = torch.device("cpu")
PAGE_SIZE: Final = 4
WINDOWS: Final = (None, 3)
LENGTHS: Final = (9, 1, 6, 0, 14)
COUNTS: Final = (1, 1, 6, 1, 5)
PAGES: Final = 12


def step() -> PagedBatch:
    """Decodes, a prompt, padding, and a prompt whose first part is stored, in pages in no order."""
    pages = iter([7, 2, 11, 5, 9, 1, 12, 3, 8, 4, 10, 6])
    table = torch.full((len(LENGTHS), 6), 10**6, dtype=torch.int32)
    slots = []
    for row, (length, count) in enumerate(zip(LENGTHS, COUNTS, strict=True)):
        for column in range(-(-length // PAGE_SIZE)):
            table[row, column] = next(pages)
        new = range(length - count, length) if length else ()
        slots += [int(table[row, at // PAGE_SIZE]) * PAGE_SIZE + at % PAGE_SIZE for at in new] or [-1] * count
    return PagedBatch(
        slots=torch.tensor(slots),
        page_table=table,
        seq_lens=torch.tensor(LENGTHS, dtype=torch.int32),
        cu_q=torch.tensor([0, 1, 2, 8, 9, 14], dtype=torch.int32),
        decodes=2,
        longest_query=6,
        host=HostLayout(np.array(LENGTHS, dtype=np.int32), np.array(COUNTS, dtype=np.int32)),
    )


def stored_slots(batch: PagedBatch) -> Tensor:
    own = []
    for row, length in enumerate(LENGTHS):
        at = torch.arange(length)
        own.append(batch.page_table[row].long()[at // PAGE_SIZE] * PAGE_SIZE + at % PAGE_SIZE)
    return torch.cat(own)


@pytest.mark.parametrize(
    ("storage", "softcap", "sinks"),
    [(None, None, None), ("fp8_e4m3", None, None), (None, 2.5, None), (None, None, (0.5, -1.0, 2.0, 0.0))],
    ids=["plain", "fp8", "cap", "sinks"],
)
def test_heads(storage: KvStorage | None, softcap: float | None, sinks: tuple[float, ...] | None) -> None:
    torch.manual_seed(0)
    batch = step()
    shape: dict[str, Any] = {"num_pages": PAGES, "page_size": PAGE_SIZE, "num_kv_heads": 2, "head_dim": 16}
    pool: KVPool | ScaledPool
    if storage is None:
        pool = KVPool(num_layers=2, dtype=torch.float32, device=CPU, **shape)
        for states in (*pool.keys, *pool.values):
            states[PAGE_SIZE:] = math.nan
    else:
        pool = ScaledPool(num_layers=2, storage=storage, device=CPU, **shape)
    slots = stored_slots(batch)
    for layer in range(2):
        pool.store(layer, slots, torch.randn(len(slots), 2, 16), torch.randn(len(slots), 2, 16))
    wishes: dict[str, Any] = {"page_size": PAGE_SIZE, "windows": WINDOWS, "softcap": softcap, "scale": 0.3}
    backends = TritonAttention, FixedTritonAttention
    kernels = [
        make(pool, heads=4, largest_batch=4, multiprocessors=4, dependent=False, device=CPU, **wishes).plan(batch)
        for make in backends
    ]
    planned = TorchAttention(pool, **wishes).plan(batch)
    query = torch.randn(sum(COUNTS), 5, 16)[:, :4]
    given = None if sinks is None else torch.tensor(sinks)
    for layer in range(2):
        got = planned.attend(layer, query, given)
        for each in kernels:
            torch.testing.assert_close(got, each.attend(layer, query, given), rtol=1e-4, atol=1e-5)
        # The row that pads.
        assert got[8].eq(0).all()
    assert planned.target(1).slots is batch.slots


LARGE: Final[dict[str, Any]] = {"longest": 32}
SMALL: Final[dict[str, Any]] = {"longest": 14, "most": 1, "gathered": 5}
"""For one head's keys and values of the longest context, or two rows that are absorbed."""


@pytest.mark.parametrize("storage", [None, "fp8_e4m3"])
@pytest.mark.parametrize(
    ("room", "deterministic"),
    [(LARGE, False), (SMALL, False), (SMALL, True)],
    ids=["expanded at once", "expanded head by head", "absorbed in pieces"],
)
def test_latent(room: dict[str, Any], deterministic: bool, storage: KvStorage | None) -> None:
    torch.manual_seed(0)
    batch = step()
    # Heads are narrow, so that the prompt with a prefix is expanded, too.
    widths = LatentConfig(q_rank=None, kv_rank=32, nope_dim=4, rope_dim=16, value_dim=4)
    shape: dict[str, Any] = {"num_layers": 1, "num_pages": PAGES, "page_size": PAGE_SIZE, "device": CPU}

    def pool() -> LatentPool | ScaledLatentPool:
        if storage is None:
            return LatentPool(width=48, dtype=torch.float32, **shape)
        return ScaledLatentPool(parts=(32, 16), storage=storage, **shape)

    pools = pool(), pool()
    slots = stored_slots(batch)
    kept = torch.randn(len(slots), 1, 48)
    for each in pools:
        each.store(0, slots, kept, kept)
    kernels = TritonLatentAttention(
        pools[0],
        room=LatentRoom(latent=widths, heads=2, batch=2, **room),
        page_size=PAGE_SIZE,
        scale=None,
        multiprocessors=4,
        deterministic=deterministic,
        dependent=False,
        device=CPU,
    ).plan(batch)
    planned = TorchLatentAttention(pools[1], latent=widths, page_size=PAGE_SIZE, scale=None).plan(batch)
    up = KvUp(torch.randn(2 * 8, 32), 2, 4, deterministic=deterministic)
    query, latent = torch.randn(sum(COUNTS), 2, 20), torch.randn(sum(COUNTS), 48)
    got, wanted = (each.forward(0, query, latent, up) for each in (planned, kernels))
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)
    for mine, theirs in zip(pools[1].gather(0, slots), pools[0].gather(0, slots), strict=True):
        torch.testing.assert_close(mine, theirs)
