"""What the host sends of a step becomes the inputs of the forward pass, as the plain twin lays them out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from sgl.kernels.triton.lay_out import BLOCK, GATHERED, apply_pages, gather_pages, keep_tokens, lay_out
from sgl.kernels.twins import lay_out as twins

ROWS = 6


def outputs(tokens: int, sequences: int) -> dict[str, Tensor]:
    return {
        "token_ids": torch.full((tokens,), -7),
        "positions": torch.full((tokens,), -7),
        "slots": torch.full((tokens,), -7),
        "seq_lens": torch.full((sequences,), -7, dtype=torch.int32),
        "cu_q": torch.full((sequences + 1,), -7, dtype=torch.int32),
        "rows": torch.full((sequences,), -7),
    }


@pytest.mark.parametrize("page_size", [1, 16])
@pytest.mark.parametrize(
    "entries",
    [
        [(40, 1, 3, 0, 1), (0, 1, 0, 1, 0), (7, 1, 5, 2, 1)],
        [(40, 1, 3, 0, 1), (0, 0, 0, 1, 0), (0, 0, 0, 2, 0)],
        [(12, 1, 2, 0, 0), (0, BLOCK + 5, 1, 1, 0), (33, 20, 4, BLOCK + 6, 0)],
    ],
    ids=["decode", "padded", "prompts"],
)
def test_steps_are_laid_out_like_the_twin(entries: list[tuple[int, ...]], page_size: int) -> None:
    torch.manual_seed(page_size)
    given = torch.tensor(entries, dtype=torch.int32)
    tokens = sum(max(count, 1) for _, count, *_ in entries)
    known = torch.randint(1, 1000, (tokens,), dtype=torch.int32)
    table = torch.randint(1, 10**6, (ROWS, 256), dtype=torch.int32)
    drawn = torch.randint(1, 1000, (ROWS,))
    options: dict[str, Any] = {"page_size": page_size, "longest": max(count for _, count, *_ in entries)}
    got, wanted = outputs(tokens, len(entries)), outputs(tokens, len(entries))
    lay_out(given, known, drawn, table, **options, **got)
    twins.lay_out(given, known, drawn, table, **options, **wanted)
    for name in wanted:
        assert torch.equal(got[name], wanted[name]), name


def test_only_the_pages_that_sequences_have_are_gathered() -> None:
    table = torch.arange(ROWS * 2 * GATHERED, dtype=torch.int32).view(ROWS, -1)
    rows, lengths = torch.tensor([4, -1, 0]), torch.tensor([4 * GATHERED + 1, 0, 17], dtype=torch.int32)
    got, wanted = torch.full((2, 3, 2 * GATHERED), -7, dtype=torch.int32).unbind()
    gather_pages(table, rows, lengths, got, page_size=4)
    twins.gather_pages(table, rows, lengths, wanted, page_size=4)
    assert torch.equal(got, wanted)


def test_pages_and_tokens_are_written_where_they_belong() -> None:
    table, same = torch.zeros(ROWS, 40, dtype=torch.int32), torch.zeros(ROWS, 40, dtype=torch.int32)
    places = torch.randperm(ROWS * 40)[: BLOCK + 3]
    updates = torch.stack([places // 40, places % 40, places + 1], dim=1).to(torch.int32)
    apply_pages(table, updates)
    twins.apply_pages(same, updates)
    assert torch.equal(table, same)
    assert int((table > 0).sum()) == BLOCK + 3
    apply_pages(table, updates[:0])
    tokens, twin = torch.zeros(ROWS, dtype=torch.int64), torch.zeros(ROWS, dtype=torch.int64)
    rows, drawn = torch.tensor([4, -1, 0]), torch.tensor([11, 12, 13])
    keep_tokens(tokens, rows, drawn)
    twins.keep_tokens(twin, rows, drawn)
    assert tokens.tolist() == twin.tolist() == [13, 0, 0, 0, 11, 0]
