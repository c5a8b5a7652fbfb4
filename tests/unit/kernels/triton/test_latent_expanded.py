"""Keys and values by heads of compressed vectors: kernels against their twins, and these against absorbed attention."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
import torch
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.kernels.latent import KvUp
from sgl.kernels.triton.latent_expanded import expanded_attention, expanded_tiles
from sgl.kernels.triton.latent_gather import TOKENS, gather_latents
from sgl.kernels.twins import latent_attention as absorbed_twin
from sgl.kernels.twins import latent_expanded as twin
from sgl.kvcache.codec import CODECS
from tests.unit.kernels.triton.test_latent import RANK, ROPE, SCALE, TOLERANCES, Case, case, check

NOPE: Final = 24
VALUE: Final = 20
"""Neither is a power of two, and both are padded in tiles."""
LENGTHS: Final = [19, 0, 3, 40]
COUNTS: Final = [5, 2, 3, 18]


@dataclass(frozen=True)
class Expanded:
    """Queries, keys and values of sequences; behind what they hold is NaN."""

    query: Tensor
    keys: Tensor
    positional: Tensor
    values: Tensor
    seq_lens: Tensor
    cu_q: Tensor
    cu_k: Tensor

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """In the order of arguments."""
        return self.query, self.keys, self.positional, self.values, self.seq_lens, self.cu_q, self.cu_k

    def run(self, heads: slice = slice(None)) -> Tensor:
        """What the kernel computes, as a view of more heads."""
        query, keys, positional, values, *lengths = self.tensors
        wide = torch.full((len(query), query.shape[1] + 1, values.shape[2]), torch.nan, dtype=query.dtype)
        out = wide[:, :-1]
        seq_lens, cu_q, cu_k = lengths
        expanded_attention(
            query[:, heads], keys[heads], positional, values[heads], seq_lens, cu_q, cu_k,
            longest_query=max(COUNTS), scale=SCALE, out=out[:, heads],
        )  # fmt: skip
        assert wide[:, -1].isnan().all()
        return out

    @property
    def expected(self) -> Tensor:
        """What the twin computes."""
        return twin.expanded_attention(*self.tensors, scale=SCALE)


def expanded(dtype: torch.dtype = torch.float32, heads: int = 3) -> Expanded:
    generator = torch.Generator().manual_seed(3)
    context = sum(LENGTHS)

    def drawn(*shape: int) -> Tensor:
        """With one more token, which nobody holds."""
        tensor = torch.randn(*shape, generator=generator).to(dtype)
        tensor[..., -1, :] = torch.nan
        return tensor

    query = torch.randn(sum(COUNTS), heads + 1, NOPE + ROPE, generator=generator).to(dtype)
    return Expanded(
        query[:, :heads],
        drawn(heads, context + 1, NOPE),
        drawn(context + 1, ROPE),
        drawn(heads, context + 1, VALUE),
        torch.tensor(LENGTHS, dtype=torch.int32),
        torch.tensor([0, *COUNTS]).cumsum(0).int(),
        torch.tensor([0, *LENGTHS]).cumsum(0).int(),
    )


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_new_tokens_attend_as_the_twin_says(dtype: torch.dtype) -> None:
    each = expanded(dtype)
    check(each.run(), each.expected)


def test_heads_are_computed_some_at_a_time() -> None:
    each = expanded()
    both = each.run(slice(0, 2))[:, :2], each.run(slice(2, 3))[:, 2:]
    assert torch.equal(torch.cat(both, dim=1), each.run())


def gathered(each: Case, pieces: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """All vectors, so many at a time, one behind the other; behind them must be zeros."""
    context, starts = int(each.seq_lens.sum()), torch.tensor([0, *each.seq_lens]).cumsum(0).int()
    compressed = torch.full((context + 2, RANK), torch.nan, dtype=dtype)
    positional = torch.full((context + 2, ROPE), torch.nan, dtype=dtype)
    for first in range(0, context + 2, pieces):
        part = slice(first, first + pieces)
        gather_latents(
            each.layer, each.page_table, each.seq_lens, starts,
            first=first, page_size=each.page_size, compressed=compressed[part], positional=positional[part],
        )  # fmt: skip
    whole = torch.cat([compressed, positional], dim=1)
    assert (whole[context:] == 0).all()
    return whole[:context]


@pytest.mark.parametrize("storage", [None, *CODECS])
def test_vectors_are_gathered_as_they_are_read(storage: KvStorage | None) -> None:
    each = case([0, 19, 0, 3, 33, 0], storage=storage)
    wanted = twin.gather_latents(each.read, each.page_table, each.seq_lens, page_size=each.page_size)
    assert torch.equal(gathered(each, 2 * TOKENS + 5), wanted)
    assert torch.equal(gathered(each, 100, torch.bfloat16), wanted.bfloat16())


def test_expanded_is_what_absorbed_is() -> None:
    """Of cached vectors, from queries to the sums of values; `test_latent` holds the absorbed twin to the CPU's."""
    each, heads = case(LENGTHS, COUNTS, heads=3), 3
    generator = torch.Generator().manual_seed(1)
    up = KvUp(torch.randn(heads * (NOPE + VALUE), RANK, generator=generator), heads, NOPE, deterministic=False)
    query = torch.randn(sum(COUNTS), heads, NOPE + ROPE, generator=generator) / 8
    absorbed = torch.cat([up.absorb(query[..., :NOPE]), query[..., NOPE:]], dim=-1)
    mixed = absorbed_twin.latent_attention(
        absorbed, each.read, RANK, each.page_table, each.seq_lens, each.cu_q, page_size=each.page_size, scale=SCALE
    )
    vectors = gathered(each, 1000)
    keys, values = torch.empty(heads, len(vectors), NOPE), torch.empty(heads, len(vectors), VALUE)
    for heads_at in (slice(0, 2), slice(2, 3)):
        for at in range(0, len(vectors), 25):
            piece = slice(at, at + 25)
            up.expand_heads(vectors[piece, :RANK], heads_at, keys[heads_at, piece], values[heads_at, piece])
    for mine, whole in zip((keys, values), up.expand(vectors[:, :RANK]), strict=True):
        torch.testing.assert_close(mine, whole)
    starts = torch.tensor([0, *LENGTHS]).cumsum(0).int()
    both = Expanded(query, keys, vectors[:, RANK:].contiguous(), values, each.seq_lens, each.cu_q, starts)
    torch.testing.assert_close(both.expected, up.mix(mixed), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(both.run(), up.mix(mixed), rtol=1e-4, atol=1e-4)


def test_tiles_follow_the_rows_the_widths_and_the_gpu() -> None:
    def tiles(longest: int, width: int = 320, capability: int = 90) -> tuple[int, int]:
        found = expanded_tiles(longest, width, 2, capability, small=False)
        return found.rows, found.keys

    assert tiles(8192) == (128, 64)
    assert tiles(5) == tiles(32) == (32, 64)
    assert tiles(33) == (128, 64)
    assert tiles(8192, capability=80) == tiles(8192, capability=120) == (64, 32)
    assert tiles(8192, width=576) == (64, 32)
    assert tiles(8192, width=576, capability=80) == (32, 32)


def test_what_does_not_fit_is_refused() -> None:
    each = expanded()
    broken: tuple[dict[str, Any], ...] = (
        {"keys": each.keys[:2]},
        {"positional": each.positional[:, :-1]},
        {"positional": each.positional.double()},
        {"values": each.values[:, :-1]},
        {"values": each.values.transpose(1, 2).contiguous().transpose(1, 2)},
    )
    for one in broken:
        with pytest.raises(ValueError, match="expanded attention"):
            replace(each, **one).run()
    one = case([5])
    room = torch.empty(5, RANK), torch.empty(5, ROPE)
    starts = torch.tensor([0, 5]).int()
    for compressed, positional in ((room[1], room[0]), (room[0], room[1][:4]), (room[0].half(), room[1])):
        with pytest.raises(ValueError, match="vectors"):
            gather_latents(
                one.layer, one.page_table, one.seq_lens, starts,
                first=0, page_size=4, compressed=compressed, positional=positional,
            )  # fmt: skip
