"""The likeliest token against its twin and torch, and the floor that some logits reach."""

from __future__ import annotations

import math

import pytest
import torch

from sgl.kernels.triton.argmax import choose, floors, greedy, peaks
from sgl.kernels.twins import argmax as twin
from tests.unit.sampling.cases import SHAPES, logits_row

DTYPES = [torch.float32, torch.bfloat16, torch.float16]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("vocabulary", [1, 15, 64, 301])
def test_every_kind_of_row(vocabulary: int, dtype: torch.dtype) -> None:
    shapes = [shape for shape in SHAPES if shape != "huge" or dtype != torch.float16]
    logits = torch.stack([logits_row(shape, vocabulary, 3) for shape in shapes]).to(dtype)
    # Rows of a wider buffer, whose other memory must not be read.
    padded = torch.full((len(shapes), vocabulary + 7), math.nan, dtype=dtype)
    padded[:, :vocabulary] = logits
    tokens, finite = greedy(padded[:, :vocabulary], tile=64)
    expected, sound = twin.greedy(logits)
    assert tokens.tolist() == expected.tolist() == logits.float().argmax(-1).tolist()
    assert finite.tolist() == sound.tolist() == [True] * len(shapes)


@pytest.mark.parametrize("place", [0, 70, 99])
@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_row_that_is_not_finite_is_told(poison: float, place: int) -> None:
    logits = torch.zeros(4, 100)
    logits[1, place] = poison
    logits[2] = -math.inf
    logits[3, place] = -math.inf
    tokens, finite = greedy(logits, tile=32)
    assert finite.tolist() == twin.greedy(logits)[1].tolist() == [True, False, False, True]
    assert tokens.tolist() == [0, 0, 0, 0 if place else 1]


def test_the_lowest_id_among_equals_across_tiles() -> None:
    logits = torch.zeros(2, 100)
    logits[0, [33, 40, 90]] = 5.0
    logits[1, [97, 99]] = 1.0
    assert greedy(logits, tile=32)[0].tolist() == [33, 97]


def test_no_rows() -> None:
    tokens, finite = greedy(torch.zeros(0, 9))
    assert (tokens.shape, finite.shape) == ((0,), (0,))


def test_the_largest_logit_is_given_where_it_is_wanted() -> None:
    logits = torch.randn(3, 200, generator=torch.Generator().manual_seed(0)).bfloat16()
    best = torch.empty(3)
    choose(peaks(logits, tile=64), best=best)
    assert torch.equal(best, logits.float().amax(-1))


@pytest.mark.parametrize("top_k", [2, 7, 10**6])
def test_as_many_logits_reach_the_floor(top_k: int) -> None:
    vocabulary = 1000
    logits = torch.stack([logits_row(shape, vocabulary, 1) for shape in ("wide", "narrow", "ties", "constant")])
    found = floors(peaks(logits, with_groups=True, tile=256), torch.full((4,), top_k), vocabulary)
    bits = logits.masked_fill(logits == 0, 0.0).view(torch.int32)
    keys = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    reached = (keys >= found[:, None]).sum(-1)
    # 1000 logits are 63 groups of 16, of which half at most are counted on.
    assert bool((reached >= min(top_k, 31)).all())
    assert int(reached[0]) <= 4 * min(top_k, 31), "a floor that leaves out few is no use"


def test_a_floor_needs_groups() -> None:
    with pytest.raises(ValueError, match="with_groups"):
        floors(peaks(torch.zeros(1, 9)), torch.ones(1, dtype=torch.int64), 9)
