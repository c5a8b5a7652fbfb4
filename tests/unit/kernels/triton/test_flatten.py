"""Pages one behind the other."""

from __future__ import annotations

import torch

from sgl.kernels.triton.flatten import BLOCK, flatten_pages
from sgl.kernels.twins.flatten import flatten_pages as twin


def test_pages_follow_one_another_and_padding_has_the_page_of_zeros() -> None:
    counts = [3, 1, BLOCK + 5, 2, 1]
    seq_lens = torch.tensor([9, 1, 4 * BLOCK + 17, 0, 4], dtype=torch.int32)
    # Wider than it is read: a part of a larger table.
    table = torch.randint(1, 10_000, (5, 2 * BLOCK), dtype=torch.int32)[:, : BLOCK + 40]
    starts = torch.tensor([0, *counts], dtype=torch.int32).cumsum(0, dtype=torch.int32)
    got, wanted = (torch.full((sum(counts) + 10,), -7, dtype=torch.int32) for _ in range(2))
    flatten_pages(table, seq_lens, starts, got)
    twin(table, seq_lens, starts, wanted)
    assert got.equal(wanted)
    assert got[-10:].eq(-7).all()
    pieces = [table[number, :count] * (number != 3) for number, count in enumerate(counts)]
    assert got[:-10].equal(torch.cat(pieces))
