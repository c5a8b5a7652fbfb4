"""Draws on the device: by candidates, beyond them, over whole rows; each against twin and CPU sampler."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.triton.draw import sample
from sgl.kernels.triton.philox import draw_mark, random_bits
from sgl.kernels.twins import draw as twin
from sgl.protocol.sampling import SamplingParams
from sgl.sampling import reference, sampler
from sgl.sampling.arrays import SampleRow, SamplingBatch
from sgl.sampling.philox import Draws
from tests.unit.sampling.cases import SHAPES, float64, logits_row, parameters_of

KINDS = [
    SamplingParams(temperature=0.0),
    SamplingParams(),
    SamplingParams(temperature=0.6, min_p=0.05),
    SamplingParams(top_k=20, top_p=0.9),
    SamplingParams(top_k=90),
    SamplingParams(top_p=0.95),
    SamplingParams(top_p=0.999, temperature=50.0),
    SamplingParams(top_k=3, min_p=0.3),
    SamplingParams(top_p=1e-6),
    SamplingParams(temperature=0.05, top_k=1000, top_p=0.5),
    SamplingParams(temperature=1.3, min_p=1.0),
]


@triton.jit
def _bits_and_marks(
    seeds: tl.tensor, positions: tl.tensor, totals: tl.tensor, bits: tl.tensor, marks: tl.tensor
) -> None:
    row = tl.program_id(0)
    drawn = random_bits(tl.load(seeds + row), tl.load(positions + row))
    tl.store(bits + row, drawn.to(tl.int64, bitcast=True))
    tl.store(marks + row, draw_mark(drawn, tl.load(totals + row)))


def test_bits_are_those_of_the_host_and_marks_exact() -> None:
    source = random.Random(5)
    seeds = [0, -1, -(2**63), 2**63 - 1, *(source.randrange(-(2**63), 2**63) for _ in range(12))]
    positions = [0, 1, 2**32 - 1, 2**32, *(source.randrange(2**20) for _ in range(12))]
    totals = [1, 2**40, 2**63 - 1, 2**32 - 1, *(source.randrange(1, 2**63) for _ in range(12))]
    bits, marks = torch.empty(2, 16, dtype=torch.int64)
    _bits_and_marks[(16,)](torch.tensor(seeds), torch.tensor(positions), torch.tensor(totals), bits, marks)
    expected = Draws(seeds).at(positions)
    assert [value % 2**64 for value in bits.tolist()] == expected
    assert [twin.random_bits(*pair) for pair in zip(seeds, positions, strict=True)] == expected
    assert marks.tolist() == [drawn * total >> 64 for drawn, total in zip(expected, totals, strict=True)]


def columns(params: Sequence[SamplingParams], rows: Sequence[SampleRow]) -> tuple[Tensor, ...]:
    drawn = parameters_of(list(params))
    temperature = drawn.temperature.squeeze(1)
    temperature[[index for index, each in enumerate(params) if each.greedy]] = 0.0
    least = torch.zeros(len(params), dtype=torch.int64) if drawn.min_weight is None else drawn.min_weight.squeeze(1)
    seeds, positions = torch.tensor([row.seed for row in rows]), torch.tensor([row.position for row in rows])
    return temperature, drawn.top_k.squeeze(1), drawn.top_p.squeeze(1), least, seeds, positions


def rows_of(params: Sequence[SamplingParams], seed: int) -> list[SampleRow]:
    source = random.Random(seed)
    return [
        SampleRow(params=each, seed=source.randrange(-(2**63), 2**63), position=source.randrange(9999))
        for each in params
    ]


@pytest.mark.parametrize(
    ("vocabulary", "tile", "candidates"),
    [(5, None, 2048), (301, 128, 512), (301, 128, 64), (1000, 512, 16)],
    ids=["tiny", "all are candidates", "some are", "few are"],
)
def test_tokens_are_those_of_the_cpu(vocabulary: int, tile: int | None, candidates: int) -> None:
    """Candidates that do not reach and candidates that overflow are among the rows when there is room for few."""
    rows = rows_of(KINDS, vocabulary)
    logits = torch.stack([logits_row(SHAPES[i % len(SHAPES)], vocabulary, i) for i in range(len(rows))])
    # Rows of a wider buffer, whose other memory must not be read.
    padded = torch.full((len(rows), vocabulary + 5), torch.nan)
    padded[:, :vocabulary] = logits
    given = columns(KINDS, rows)
    tokens, finite = sample(padded[:, :vocabulary], *given, tile=tile, candidates=candidates)
    assert tokens.tolist() == sampler.sample(logits, SamplingBatch(rows)).token_ids
    assert tokens.tolist() == twin.sample(logits, *given)[0].tolist()
    assert finite.all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_logits_are_widened_exactly(dtype: torch.dtype) -> None:
    rows = rows_of(KINDS[:6], 1)
    logits = torch.stack([logits_row("wide", 200, i) for i in range(6)]).to(dtype)
    given = columns(KINDS[:6], rows)
    tokens, _ = sample(logits, *given, tile=128)
    assert tokens.tolist() == sample(logits.float(), *given, tile=128)[0].tolist()
    assert tokens.tolist() == sampler.sample(logits, SamplingBatch(rows)).token_ids


def test_what_a_row_draws_does_not_depend_on_tiles_candidates_or_neighbours() -> None:
    rows = rows_of(KINDS[3:7], 2)
    logits = torch.stack([logits_row(shape, 200, 7) for shape in ("narrow", "two levels", "banned", "constant")])
    given = columns(KINDS[3:7], rows)
    expected = sample(logits, *given)[0].tolist()
    assert sample(logits, *given, tile=64, candidates=32)[0].tolist() == expected
    for row in (0, 2):
        alone = [column[row : row + 1].contiguous() for column in given]
        assert sample(logits[row : row + 1], *alone, tile=128, candidates=64)[0].tolist() == expected[row : row + 1]


def test_rows_without_truncation_need_no_candidates() -> None:
    params = KINDS[:3]
    rows = rows_of(params, 3)
    logits = torch.stack([logits_row("wide", 301, i) for i in range(3)])
    given = columns(params, rows)
    tokens, _ = sample(logits, *given, truncating=False, tile=64)
    assert tokens.tolist() == sampler.sample(logits, SamplingBatch(rows)).token_ids


def test_a_row_that_is_not_finite_fails_alone() -> None:
    params = [KINDS[1], KINDS[3], KINDS[5], KINDS[1]]
    rows = rows_of(params, 4)
    logits = torch.stack([logits_row("wide", 150, i) for i in range(4)])
    expected = sampler.sample(logits, SamplingBatch(rows)).token_ids
    logits[0, 140], logits[2, 3] = torch.nan, torch.inf
    tokens, finite = sample(logits, *columns(params, rows), tile=64, candidates=32)
    assert finite.tolist() == [False, True, False, True]
    assert tokens.tolist() == [0, expected[1], 0, expected[3]]


@pytest.mark.parametrize(
    ("params", "candidates"),
    [
        (SamplingParams(top_k=4, temperature=3.0), 64),
        (SamplingParams(top_p=0.8, temperature=0.6), 64),
        (SamplingParams(top_p=0.5, temperature=0.6), 2),
        (SamplingParams(temperature=0.8, min_p=0.3), 64),
    ],
)
def test_the_set_is_that_of_the_reference(params: SamplingParams, candidates: int) -> None:
    """Without near ties, so that rounding decides nothing; the reference shares no code with any sampler.

    Equal parts of the unit interval, not random positions, so that every token of the set is drawn.
    """
    logits = torch.linspace(-3, 3, 20)[torch.randperm(20, generator=torch.Generator().manual_seed(1))]
    distribution = reference.probabilities(float64(logits), params)
    rows = spread_over(int(2 / distribution[distribution > 0].min()), params)
    tokens, _ = sample(logits.expand(len(rows), -1), *columns([params] * len(rows), rows), candidates=candidates)
    assert tokens.tolist() == [reference.draw(distribution, reference.uniform(7, row.position)) for row in rows]
    assert set(tokens.tolist()) == set(np.flatnonzero(distribution).tolist())


def spread_over(parts: int, params: SamplingParams) -> list[SampleRow]:
    """Rows of one seed whose draws fall into each of the equal parts of the unit interval."""
    positions: dict[int, int] = {}
    position = 0
    while len(positions) < parts:
        positions.setdefault(int(reference.uniform(7, position) * parts), position)
        position += 1
    return [SampleRow(params=params, seed=7, position=position) for position in positions.values()]
