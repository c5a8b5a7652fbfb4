"""A ragged batch over a paged pool in which everything that must not be read is NaN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.kvcache.codec import CODECS

UNDEFINED_PAGE = 10**6
"""What the page table holds behind a sequence's pages: no page of any pool here."""


@dataclass
class PagedCase:
    """Sequences of ``lengths`` whose last ``counts`` tokens are new; ``full`` are their K and V in order, as read.

    Attributes:
        given: What kernels and twins take by name.
    """

    query: Tensor
    keys: Tensor
    values: Tensor
    page_table: Tensor
    seq_lens: Tensor
    cu_q: Tensor
    full: list[tuple[Tensor, Tensor]]
    given: dict[str, Any]

    @property
    def pool(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Arguments after the query."""
        return self.keys, self.values, self.page_table, self.seq_lens


def paged_case(
    lengths: Sequence[int],
    counts: Sequence[int] | None = None,
    *,
    heads: tuple[int, int] = (4, 2),
    head_dim: int = 32,
    value_dim: int | None = None,
    page_size: int = 4,
    dtype: torch.dtype = torch.float32,
    storage: KvStorage | None = None,
    padding: int = 0,
    seed: int = 0,
) -> PagedCase:
    """Draws a batch; counts of None are one new token each, padding is rows behind the last sequence."""
    torch.manual_seed(seed)
    num_heads, kv_heads = heads
    counts = [1] * len(lengths) if counts is None else list(counts)
    needed = [-(-length // page_size) for length in lengths]
    pages = 1 + torch.randperm(sum(needed) + 3)
    slots = (len(pages) + 1) * page_size
    table = torch.full((len(lengths), max([*needed, 1]) + 2), UNDEFINED_PAGE, dtype=torch.int32)
    sides = [_Side(slots, kv_heads, width, dtype, storage) for width in (head_dim, value_dim or head_dim)]
    full = []
    for row, (length, count) in enumerate(zip(lengths, needed, strict=True)):
        own, pages = pages[:count], pages[count:]
        table[row, :count] = own
        places = (own[:, None] * page_size + torch.arange(page_size)).flatten()[:length]
        full.append((sides[0].fill(places), sides[1].fill(places)))
    tokens = sum(counts) + padding
    # A view of rows with more in them, as the fused projection gives.
    query = torch.randn(tokens, num_heads + 1, head_dim).to(dtype)[:, :num_heads]
    given = {"page_size": page_size, "scale": head_dim**-0.5, "storage": storage}
    if storage is not None:
        given |= {"key_multipliers": sides[0].multipliers, "value_multipliers": sides[1].multipliers}
    return PagedCase(
        query,
        sides[0].pool,
        sides[1].pool,
        table,
        torch.tensor(lengths, dtype=torch.int32),
        torch.tensor([0, *counts]).cumsum(0).to(torch.int32),
        full,
        given,
    )


class _Side:
    """K or V."""

    def __init__(self, slots: int, heads: int, width: int, dtype: torch.dtype, storage: KvStorage | None) -> None:
        self._codec = None if storage is None else CODECS[storage]
        self._shape, self._dtype = (heads, width), dtype
        if storage is None:
            self.pool = torch.full((slots, heads, width), torch.nan, dtype=dtype)
        else:
            self.pool = torch.full((slots, heads, width), 127, dtype=torch.int8)
            self.multipliers = torch.full((slots, heads), torch.nan)

    def fill(self, places: Tensor) -> Tensor:
        """Draws one sequence and gives it as it is read."""
        drawn = torch.randn(len(places), *self._shape).to(self._dtype)
        if self._codec is None:
            self.pool[places] = drawn
            return drawn
        codes, multipliers = self._codec.encode(drawn)
        self.pool[places], self.multipliers[places] = codes, multipliers
        return self._codec.decode(codes, multipliers)
