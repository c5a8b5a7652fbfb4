"""Tokens sorted by expert: the kernels against their twin, and what a grouped product relies on."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sgl.kernels.triton import align as kernels
from sgl.kernels.twins import align as twin


def choices(tokens: int, experts: int, chosen: int, seed: int) -> Tensor:
    """int32 [tokens, chosen], different in each row; some rows choose nobody."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.rand(tokens, experts, generator=generator).argsort(dim=1)[:, :chosen].int()
    rows[torch.rand(tokens, generator=generator) < 0.2] = -1
    return rows


def check(chosen: Tensor, experts: int, block: int) -> None:
    aligned = kernels.align(chosen, experts, block)
    order, owners = twin.align(chosen, experts, block)
    used = int(aligned.padded_count)
    assert used == len(order)
    assert torch.equal(aligned.order[:used], order)
    assert torch.equal(aligned.expert_of_block[: used // block], owners)


@pytest.mark.parametrize("block", [1, 16])
@pytest.mark.parametrize(("tokens", "experts", "chosen"), [(1, 8, 2), (40, 5, 3), (3, 6, 6)])
def test_few(tokens: int, experts: int, chosen: int, block: int) -> None:
    check(choices(tokens, experts, chosen, tokens), experts, block)


@pytest.mark.parametrize(("tokens", "experts"), [(1, 4), (330, 3)])
def test_many_are_sorted_as_few_are(tokens: int, experts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "FEW_PAIRS", 0)
    check(choices(tokens, experts, 2, tokens), experts, 16)


def test_more_pairs_than_one_look_takes() -> None:
    check(choices(700, 4, 2, 1), 4, 16)


@pytest.mark.parametrize("few", [0, kernels.FEW_PAIRS])
def test_nobody_is_chosen(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "FEW_PAIRS", few)
    check(torch.full((4, 2), -1), 4, 16)
    assert int(kernels.align(torch.empty((0, 2), dtype=torch.int32), 4, 16).padded_count) == 0


def test_one_expert_takes_all() -> None:
    check(torch.zeros((33, 1), dtype=torch.int64), 4, 16)


@pytest.mark.parametrize(
    ("pairs", "experts", "block"), [(1, 8, 16), (8, 8, 16), (100, 3, 16), (5, 100, 64), (64, 1, 64)]
)
def test_the_bound_is_reached_and_never_passed(pairs: int, experts: int, block: int) -> None:
    used = min(experts, pairs)
    worst = [1] * (used - 1)
    counts = [*worst, pairs - sum(worst)]
    most = max(
        sum(-(-count // block) for count in counts),
        sum(-(-(pairs // used + (number < pairs % used)) // block) for number in range(used)),
    )
    assert most <= kernels.blocks_bound(pairs, experts, block) <= most + used
