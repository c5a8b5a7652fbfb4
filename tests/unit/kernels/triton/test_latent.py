"""Latent attention over the paged pool: kernels against their twin, and the twin against the CPU's attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest
import torch
from torch import Tensor

from sgl.attention.latent import CpuLatentAttention
from sgl.batch.context import Span
from sgl.config.kv import KvStorage
from sgl.config.latent import LatentConfig
from sgl.config.splits import latent_splits
from sgl.kernels.latent import KvUp
from sgl.kernels.triton.latent import LatentLayer, latent_tiles
from sgl.kernels.triton.latent_attention import latent_attention
from sgl.kernels.triton.latent_decode import latent_decode, latent_workspace
from sgl.kernels.triton.latent_write import write_latent
from sgl.kernels.twins import latent_attention as twin
from sgl.kvcache.codec import CODECS
from sgl.kvcache.latent import LatentPool

RANK: Final = 32
ROPE: Final = 16
SCALE: Final = 0.2
TOLERANCES: Final = {torch.float32: 2e-5, torch.bfloat16: 1.6e-2, torch.float16: 2e-3}


@dataclass(frozen=True)
class Case:
    """A pool in which everything that must not be read is NaN, and queries of sequences in it.

    Attributes:
        read: Vectors as they are read, float32 [slots, width].
    """

    query: Tensor
    layer: LatentLayer
    read: Tensor
    page_table: Tensor
    seq_lens: Tensor
    cu_q: Tensor
    page_size: int

    @property
    def expected(self) -> Tensor:
        """What the twin computes."""
        return twin.latent_attention(
            self.query, self.read, self.layer.rank, self.page_table, self.seq_lens, self.cu_q,
            page_size=self.page_size, scale=SCALE,
        )  # fmt: skip

    def extend(self, **values: Any) -> Tensor:
        """What the kernel computes for all rows."""
        return latent_attention(
            self.query, self.layer, self.page_table, self.seq_lens, self.cu_q,
            page_size=self.page_size, scale=SCALE, **values,
        )  # fmt: skip

    def decode(self, *, multiprocessors: int = 4) -> Tensor:
        """What the kernels for one row a sequence compute."""
        heads = self.query.shape[1]
        workspace = latent_workspace(
            largest_batch=len(self.seq_lens), heads=heads, rank=self.layer.rank, multiprocessors=multiprocessors,
            device=self.query.device,
        )  # fmt: skip
        workspace.partial.fill_(torch.nan)
        workspace.sums.fill_(torch.nan)
        return latent_decode(
            self.query, self.layer, self.page_table, self.seq_lens,
            page_size=self.page_size, scale=SCALE, workspace=workspace,
        )  # fmt: skip


def stored(vectors: Tensor, places: Tensor, storage: KvStorage | None, rank: int) -> tuple[LatentLayer, Tensor]:
    """A layer that holds ``vectors`` in the slots ``places`` alone, and how they are read."""
    if storage is None:
        poisoned = torch.full_like(vectors, torch.nan)
        poisoned[places] = vectors[places]
        return LatentLayer.plain(poisoned, rank), poisoned.float()
    parts = []
    for part in (vectors[:, :rank], vectors[:, rank:]):
        codes, multipliers = CODECS[storage].encode(part)
        unread = torch.ones(len(vectors), dtype=torch.bool)
        unread[places] = False
        multipliers[unread] = torch.nan
        parts.append((codes, multipliers, CODECS[storage].decode(codes, multipliers)))
    (codes, multipliers, read), (rope_codes, rope_multipliers, rope_read) = parts
    return LatentLayer(codes, rope_codes, multipliers, rope_multipliers, storage), torch.cat([read, rope_read], dim=1)


def case(
    lengths: Sequence[int],
    counts: Sequence[int] | None = None,
    *,
    heads: int = 4,
    page_size: int = 4,
    dtype: torch.dtype = torch.float32,
    storage: KvStorage | None = None,
    rank: int = RANK,
    rope: int = ROPE,
    padding: int = 0,
) -> Case:
    generator = torch.Generator().manual_seed(sum(lengths))
    counts = [1] * len(lengths) if counts is None else counts
    needed = [-(-length // page_size) for length in lengths]
    pages = (1 + torch.randperm(sum(needed) + 2, generator=generator)).int()
    table = torch.full((len(lengths), max(needed) + 1), 10**6, dtype=torch.int32)
    places = []
    for row, (length, count) in enumerate(zip(lengths, needed, strict=True)):
        own, pages = pages[:count], pages[count:]
        table[row, :count] = own
        places.append((own.long()[:, None] * page_size + torch.arange(page_size)).flatten()[:length])
    width = rank + rope
    vectors = torch.randn((sum(needed) + 3) * page_size, width, generator=generator).to(dtype)
    layer, read = stored(vectors, torch.cat(places), storage, rank)
    wide = torch.randn(sum(counts) + padding, heads + 1, width, generator=generator).to(dtype)
    return Case(
        wide[:, :heads],
        layer,
        read,
        table,
        torch.tensor(lengths, dtype=torch.int32),
        torch.tensor([0, *counts]).cumsum(0).int(),
        page_size,
    )


def check(found: Tensor, expected: Tensor) -> None:
    tolerance = TOLERANCES[found.dtype]
    torch.testing.assert_close(found.float(), expected, rtol=tolerance, atol=tolerance)


RAGGED: Final = ([19, 0, 3, 33], [5, 2, 3, 1])


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_new_tokens_attend_as_the_twin_says(dtype: torch.dtype) -> None:
    each = case(*RAGGED, dtype=dtype, padding=3)
    check(each.extend(), each.expected)


@pytest.mark.parametrize("storage", CODECS)
@pytest.mark.parametrize("rows", ["extend", "decode"])
def test_codes_are_read_as_what_they_stand_for(storage: KvStorage, rows: str) -> None:
    each = case([19, 6], None if rows == "decode" else [3, 2], storage=storage, page_size=1)
    check(each.decode() if rows == "decode" else each.extend(), each.expected)


def test_heads_beyond_a_tile_and_sizes_that_are_no_powers_of_two() -> None:
    each = case([9, 17], heads=18, rank=24, rope=8)
    check(each.extend(), each.expected)
    check(each.decode(), each.expected)


def test_one_token_a_sequence() -> None:
    each = case([70, 1, 0, 33], page_size=16)
    check(each.decode(), each.expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_one_narrow_token_a_sequence(dtype: torch.dtype) -> None:
    each = case([35, 1], dtype=dtype, page_size=16)
    check(each.decode(), each.expected)


def test_bits_depend_on_a_sequence_alone() -> None:
    """Whatever the neighbours, and whether its tokens come in one chunk, in two, or one by one."""
    each = case(*RAGGED)
    whole = each.extend()
    last = Case(
        whole.new_zeros(0), each.layer, each.read, each.page_table[3:], each.seq_lens[3:], torch.tensor([0, 1]).int(), 4
    )
    assert torch.equal(whole[10:11], Case(**{**vars(last), "query": each.query[10:11]}).extend())
    for count in range(1, 5):
        chunk = Case(
            each.query[5 - count - 1 : 5 - 1],
            each.layer,
            each.read,
            each.page_table[:1],
            each.seq_lens[:1] - 1,
            torch.tensor([0, count]).int(),
            4,
        )
        assert torch.equal(chunk.extend(), whole[5 - count - 1 : 5 - 1])


def test_twin_is_the_attention_of_a_cpu() -> None:
    """Prompt, chunk and decode row; the CPU's takes queries that are not absorbed."""
    widths = LatentConfig(q_rank=None, kv_rank=RANK, nope_dim=12, rope_dim=ROPE, value_dim=20)
    heads, page_size, count, context = 3, 4, 5, 14
    up = KvUp(torch.randn(heads * 32, RANK), heads, 12, deterministic=False)
    pool = LatentPool(
        num_layers=1, num_pages=8, page_size=page_size, width=RANK + ROPE, dtype=torch.float32,
        device=torch.device("cpu"),
    )  # fmt: skip
    cpu = CpuLatentAttention(pool, latent=widths, heads=heads, scale=SCALE, deterministic=False)
    latent, query = torch.randn(context, RANK + ROPE), torch.randn(count, heads, 12 + ROPE)
    start = 2 * page_size
    first = context - count
    pool.vectors[0][start : start + first] = latent[:first]
    span = Span(0, count, first, ((start, context),))
    found = cpu.plan([span], torch.arange(start + first, start + context)).forward(0, query, latent[first:], up)
    absorbed = torch.cat([up.absorb(query[..., :12]), query[..., 12:]], dim=-1)
    table, lengths = torch.arange(2, 6).int().unsqueeze(0), torch.tensor([context]).int()
    mixed = twin.latent_attention(
        absorbed, pool.vectors[0], RANK, table, lengths, torch.tensor([0, count]), page_size=page_size, scale=SCALE
    )
    torch.testing.assert_close(up.mix(mixed).flatten(1), found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_vectors_are_written_as_they_are(dtype: torch.dtype) -> None:
    latent = torch.full((5, RANK + ROPE + 1), torch.nan, dtype=dtype)[:, :-1]
    latent[:] = torch.randn(5, RANK + ROPE).to(dtype)
    slots = torch.tensor([7, -1, 4, 15, -1])
    pool = torch.zeros(16, RANK + ROPE, dtype=dtype)
    expected = pool.clone()
    write_latent(latent, slots, LatentLayer.plain(pool, RANK))
    twin.write_latent(latent, slots, expected)
    assert torch.equal(pool, expected)


@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")
@pytest.mark.parametrize("storage", CODECS)
def test_vectors_are_encoded_as_the_pool_of_a_cpu_does(storage: KvStorage) -> None:
    """Bit by bit, with zeros, ties, and what is not finite, of which numpy warns."""
    latent = torch.randn(24, RANK + ROPE) * torch.logspace(-6, 4, 24).unsqueeze(1)
    latent[1] = 0.0
    latent[2, :RANK] = torch.arange(RANK) * 0.5
    latent[2, 0] = 127.0 if storage == "int8" else 448.0
    latent[3, 4], latent[4, RANK + 1] = torch.nan, torch.inf
    slots = torch.randperm(30)[:24]
    slots[5] = -1
    codes = [torch.zeros(30, size, dtype=torch.int8) for size in (RANK, ROPE)]
    multipliers = [torch.zeros(30) for _ in range(2)]
    write_latent(latent, slots, LatentLayer(*codes, *multipliers, storage))
    kept = slots >= 0
    for part, found, scales in zip((latent[:, :RANK], latent[:, RANK:]), codes, multipliers, strict=True):
        expected, expected_scales = CODECS[storage].encode(part[kept])
        torch.testing.assert_close(scales[slots[kept]], expected_scales, rtol=0, atol=0, equal_nan=True)
        finite = expected_scales.isfinite()
        assert torch.equal(found[slots[kept]][finite], expected[finite])
        untouched = torch.ones(30, dtype=torch.bool)
        untouched[slots[kept]] = False
        assert (found[untouched] == 0).all()


def test_splits_follow_the_batch_and_tiles_the_heads() -> None:
    assert latent_splits(1, 4, 132) == 64
    assert latent_splits(64, 4, 132) == 4
    assert latent_tiles(16, None, interpreted=False).rows == 16
    assert latent_tiles(128, None, interpreted=False).rows == 32
    assert latent_tiles(128, "int8", interpreted=False).rows == 16


def test_what_does_not_fit_is_refused() -> None:
    each = case([5])
    layer = each.layer
    broken = (
        LatentLayer(layer.compressed[:, :-1], layer.positional),
        LatentLayer(layer.compressed[:-1], layer.positional),
        LatentLayer(layer.compressed, layer.positional, storage="int8"),
        LatentLayer(layer.compressed, layer.positional, torch.ones(8)),
        LatentLayer(layer.compressed.T.contiguous().T, layer.positional),
    )
    for one in broken:
        with pytest.raises(ValueError, match=r"vectors|slots"):
            Case(**{**vars(each), "layer": one}).extend()
    with pytest.raises(ValueError, match="page_size"):
        Case(**{**vars(each), "page_size": 3}).extend()
    workspace = latent_workspace(largest_batch=1, heads=1, rank=1, multiprocessors=1, device=torch.device("cpu"))
    with pytest.raises(ValueError, match="workspace"):
        latent_decode(each.query, layer, each.page_table, each.seq_lens, page_size=4, scale=SCALE, workspace=workspace)
