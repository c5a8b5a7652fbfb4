"""What a step of latent attention takes of a GPU's memory: absorbed no more than expanded."""

from __future__ import annotations

import weakref
from typing import Any, Final

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sgl.attention import latent_kernels, triton_expanded, triton_latent
from sgl.attention.triton_latent import TritonLatentAttention
from sgl.batch.paged import HostLayout, PagedBatch
from sgl.config.latent import LatentConfig
from sgl.config.latent_room import LatentRoom
from sgl.kernels.latent import KvUp
from sgl.kvcache.latent import LatentPool

CPU: Final = torch.device("cpu")
WIDTHS: Final = LatentConfig(q_rank=None, kv_rank=32, nope_dim=8, rope_dim=16, value_dim=8)
HEADS: Final = 2
COUNT: Final = 96
"""Whole tiles of deterministic products, so that padding counts as little as it does in real sizes."""


class Held(TorchDispatchMode):
    """Bytes of the tensors that were made within, and the most that lived at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [each for each in tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
        known = self._known | {each.untyped_storage()._cdata for each in given}
        made = func(*args, **(kwargs or {}))
        for each in tree_leaves(made):
            if isinstance(each, torch.Tensor) and each.untyped_storage()._cdata not in known:
                self._hold(each.untyped_storage())
        return made

    def _hold(self, storage: Any) -> None:
        self._known.add(storage._cdata)
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._drop, storage._cdata, storage.nbytes())

    def _drop(self, storage: int, size: int) -> None:
        self._known.discard(storage)
        self.now -= size


def peak(context: int, *, deterministic: bool) -> tuple[int, LatentRoom]:
    """Bytes of a step of `COUNT` tokens beyond its results, and the room."""
    pages = context // 4
    pool = LatentPool(
        num_layers=1, num_pages=pages, page_size=4, width=WIDTHS.cached_width, dtype=torch.float32, device=CPU
    )
    pool.vectors[0].normal_()
    room = LatentRoom(latent=WIDTHS, heads=HEADS, longest=max(COUNT, 128), batch=COUNT, most=1)
    batch = PagedBatch(
        slots=torch.arange(4 + context - COUNT, 4 + context),
        page_table=torch.arange(1, 1 + pages).int().unsqueeze(0),
        seq_lens=torch.tensor([context]).int(),
        cu_q=torch.tensor([0, COUNT]).int(),
        decodes=0,
        longest_query=COUNT,
        host=HostLayout(np.array([context], dtype=np.int32), np.array([COUNT], dtype=np.int32)),
    )
    planned = TritonLatentAttention(
        pool, room=room, page_size=4, scale=None, multiprocessors=4, deterministic=deterministic,
        dependent=False, device=CPU,
    ).plan(batch)  # fmt: skip
    up = KvUp(torch.randn(HEADS * 16, 32), HEADS, WIDTHS.nope_dim, deterministic=deterministic)
    query, latent = torch.randn(COUNT, HEADS, 24), torch.randn(COUNT, WIDTHS.cached_width)
    with Held() as held:
        out = planned.forward(0, query, latent, up)
    assert held.now == out.nbytes
    return held.peak - out.nbytes, room


@pytest.fixture(autouse=True)
def _kernels_that_only_take_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter would copy what it is given."""

    def absorbed(query: Tensor, *_: Any, **__: Any) -> Tensor:
        return query.new_zeros(*query.shape[:2], WIDTHS.kv_rank)

    monkeypatch.setattr(latent_kernels, "latent_attention", absorbed)
    monkeypatch.setattr(latent_kernels, "fixed_latent", absorbed)
    for module, name in (
        (triton_latent, "write_latent"),
        (triton_expanded, "gather_latents"),
        (triton_expanded, "expanded_attention"),
    ):
        monkeypatch.setattr(module, name, lambda *_, **__: None)


@pytest.mark.parametrize("deterministic", [False, True])
def test_as_many_rows_as_are_absorbed_together_take_the_room(deterministic: bool) -> None:
    taken, room = peak(1024, deterministic=deterministic)
    assert room.rows == COUNT
    assert not room.expands(COUNT, 1024)
    assert 0.6 * room.elements * 4 < taken <= room.elements * 4


def test_a_prompt_that_is_expanded_takes_the_room_whatever_its_length() -> None:
    taken, room = peak(COUNT, deterministic=False)
    assert room.expands(COUNT, COUNT)
    # The whole room and nothing beside it but the lengths of a part.
    assert room.elements * 4 <= taken < room.elements * 4 + 256
