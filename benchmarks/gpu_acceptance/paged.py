"""A ragged batch over a paged pool in which everything that must not be read is NaN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from benchmarks.gpu_acceptance.place import Place
from sgl.config.kv import KvStorage
from sgl.kvcache.codec import CODECS

PAGE_SIZE: Final = 16
UNDEFINED_PAGE: Final = 10**6
"""What the page table holds behind a sequence's pages."""


@dataclass(frozen=True, slots=True)
class Paged:
    """What attention takes: by position, and by name.

    Attributes:
        starts: int32, where the rows of each sequence begin, and the end.
        pool: Keys, values, page table, lengths.
    """

    query: Tensor
    pool: tuple[Tensor, Tensor, Tensor, Tensor]
    starts: Tensor
    longest: int
    given: dict[str, Any]

    def on(self, device: torch.device) -> Paged:
        """The same on a device."""
        given = {name: each.to(device) if isinstance(each, Tensor) else each for name, each in self.given.items()}
        keys, values, table, lengths = (each.to(device) for each in self.pool)
        pool = keys, values, table, lengths
        return Paged(self.query.to(device), pool, self.starts.to(device), self.longest, given)


def generator(seed: int = 0) -> torch.Generator:
    """Of a case's numbers, on the CPU."""
    return torch.Generator().manual_seed(17 + seed)


def draw(place: Place, *shape: int, seed: int = 0) -> Tensor:
    """Normal numbers in the type of the place, on the CPU."""
    return torch.randn(*shape, generator=generator(seed)).to(place.dtype)


def paged(
    place: Place,
    lengths: Sequence[int],
    counts: Sequence[int],
    *,
    heads: tuple[int, int],
    dim: int,
    storage: KvStorage | None = None,
) -> Paged:
    """Sequences of ``lengths`` whose last ``counts`` tokens are queries, on scattered pages.

    Args:
        heads: Query heads, KV heads.
        storage: How keys and values are coded; None is not.
    """
    needed = [-(-length // PAGE_SIZE) for length in lengths]
    pages = 1 + torch.randperm(sum(needed) + 2, generator=generator())
    slots = (len(pages) + 1) * PAGE_SIZE
    table = torch.full((len(lengths), max(needed) + 1), UNDEFINED_PAGE, dtype=torch.int32)
    places, at = [], 0
    for row, (length, count) in enumerate(zip(lengths, needed, strict=True)):
        own = pages[at : at + count]
        at += count
        table[row, :count] = own
        places.append((own[:, None] * PAGE_SIZE + torch.arange(PAGE_SIZE)).flatten()[:length])
    filled = torch.cat(places)
    given: dict[str, Any] = {"page_size": PAGE_SIZE, "scale": dim**-0.5, "storage": storage}
    sides = []
    for seed, name in enumerate(("key_multipliers", "value_multipliers")):
        drawn = draw(place, len(filled), heads[1], dim, seed=seed)
        if storage is None:
            sides.append(torch.full((slots, heads[1], dim), torch.nan, dtype=place.dtype))
            sides[-1][filled] = drawn
            continue
        sides.append(torch.full((slots, heads[1], dim), 127, dtype=torch.int8))
        given[name] = torch.full((slots, heads[1]), torch.nan)
        sides[-1][filled], given[name][filled] = CODECS[storage].encode(drawn)
    starts = torch.tensor([0, *counts]).cumsum(0).to(torch.int32)
    query = draw(place, sum(counts), heads[0], dim, seed=2)
    return Paged(
        query, (sides[0], sides[1], table, torch.tensor(lengths, dtype=torch.int32)), starts, max(counts), given
    )
