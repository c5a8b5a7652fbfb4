"""Tokens of whole batches: the plain twin's, independent of batch mates, with the right frequencies."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sgl.protocol.messages import LogprobRequest
from sgl.protocol.sampling import SamplingParams
from sgl.sampling import reference
from sgl.sampling.arrays import SampleRow, SamplingBatch
from sgl.sampling.sampler import Sampled, adjust, sample
from tests.unit.sampling.cases import SHAPES, draw_params, float64, logits_row, seeds, shapes, vocabularies
from tests.unit.sampling.test_nucleus import SLACK, moved

MIXED = [
    SamplingParams(temperature=0.0),
    SamplingParams(),
    SamplingParams(temperature=0.6, min_p=0.05),
    SamplingParams(top_k=20, top_p=0.9),
    SamplingParams(top_k=300),
    SamplingParams(top_p=0.95),
    SamplingParams(top_p=0.99, temperature=2.0),
    SamplingParams(repetition_penalty=1.3, frequency_penalty=0.2, top_p=0.8),
    SamplingParams(temperature=0.0, presence_penalty=1.5, logit_bias={3: 5.0}),
    SamplingParams(min_new_tokens=3, top_k=50, min_p=0.01),
]


def mixed_rows(count: int) -> list[SampleRow]:
    """Rows of every kind, some of which want logprobs."""
    reports = [LogprobRequest(), LogprobRequest(output=True, top=5), LogprobRequest(output=True, token_ids=(1, 4))]
    return [
        SampleRow.start(
            MIXED[i % len(MIXED)],
            1000 + i,
            [1, 2, 3, i % 5],
            output_ids=[2, 2],
            end_token_ids=(2,),
            logprobs=reports[i % 3],
        )
        for i in range(count)
    ]


def mixed_logits(count: int, vocabulary: int) -> Tensor:
    return torch.stack([logits_row(SHAPES[i % len(SHAPES)], vocabulary, i) for i in range(count)])


@settings(max_examples=60, deadline=None)
@given(shapes, vocabularies, st.integers(0, 10**6), draw_params, seeds, st.integers(0, 10**6))
def test_plain_twin_draws_the_same_token(
    shape: str, vocabulary: int, logits_seed: int, params: SamplingParams, seed: int, position: int
) -> None:
    logits = logits_row(shape, vocabulary, logits_seed)
    row = SampleRow(params=params, seed=seed, position=position)
    token = sample(logits.unsqueeze(0), SamplingBatch([row])).token_ids[0]
    strict, lax = (reference.probabilities(float64(logits), moved(params, f)) for f in (1 - SLACK, 1 + SLACK))
    assert lax[token] > 0
    if np.array_equal(strict > 0, lax > 0):
        u = reference.uniform(seed, position)
        running = np.cumsum(lax)
        near_edge = np.abs(running - u).min() < SLACK
        assert token == reference.draw(lax, u) or near_edge


def test_plain_twin_draws_the_same_tokens_in_a_long_run() -> None:
    """As above for many positions, so that the zone of doubt cannot hide a difference."""
    count, vocabulary = 400, 1000
    logits = logits_row("wide", vocabulary, 5)
    for params in (SamplingParams(), SamplingParams(top_p=0.9), SamplingParams(top_k=30, min_p=0.02)):
        rows = [SampleRow(params=params, seed=9, position=position) for position in range(count)]
        drawn = sample(logits.expand(count, -1).contiguous(), SamplingBatch(rows)).token_ids
        distribution = reference.probabilities(float64(logits), params)
        expected = [reference.draw(distribution, reference.uniform(9, position)) for position in range(count)]
        assert sum(a != b for a, b in zip(drawn, expected, strict=True)) <= 1


def alone(logits: Tensor, rows: Sequence[SampleRow]) -> Sampled:
    """Each row in a batch of its own."""
    parts = [sample(row.unsqueeze(0), SamplingBatch([info])) for row, info in zip(logits, rows, strict=True)]
    return Sampled(
        [token for part in parts for token in part.token_ids],
        [ok for part in parts for ok in part.finite],
        [entry for part in parts for entry in part.logprobs],
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("count", "vocabulary"), [(60, 7), (60, 512), (28, 40000), (7, 151936)])
def test_a_row_gets_the_same_bits_alone_and_in_any_batch(count: int, vocabulary: int, dtype: torch.dtype) -> None:
    logits, rows = mixed_logits(count, vocabulary).to(dtype), mixed_rows(count)
    together = sample(logits, SamplingBatch(rows))
    assert together == alone(logits, rows)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1))[: count - count // 3].tolist()
    some = sample(logits[order], SamplingBatch([rows[i] for i in order]))
    assert some.token_ids == [together.token_ids[i] for i in order]
    assert some.logprobs == [together.logprobs[i] for i in order]


def test_the_number_of_threads_changes_no_bit() -> None:
    logits, batch = mixed_logits(30, 40000), SamplingBatch(mixed_rows(30))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = sample(logits, batch)
        torch.set_num_threads(2)
        two = sample(logits, batch)
    finally:
        torch.set_num_threads(before)
    assert one == two


def test_caller_keeps_the_logits() -> None:
    logits = mixed_logits(20, 300)
    before = logits.clone()
    sample(logits, SamplingBatch(mixed_rows(20)))
    assert torch.equal(logits, before)


def test_a_view_of_padded_logits_is_as_good_as_a_copy() -> None:
    padded = torch.cat([mixed_logits(30, 300), torch.full((30, 20), math.nan)], 1)
    batch = SamplingBatch(mixed_rows(30))
    assert sample(padded[:, :300], batch) == sample(padded[:, :300].contiguous(), batch)


def test_a_batch_goes_on_as_its_rows_do() -> None:
    """A kept batch and one made anew in each step give the same tokens."""
    kept, renewed = mixed_rows(10), mixed_rows(10)
    batch = SamplingBatch(kept)
    for step in range(6):
        logits = mixed_logits(10, 200) + step
        first, second = sample(logits, batch), sample(logits, SamplingBatch(renewed))
        assert first == second
        for rows in (kept, renewed):
            for row, token in zip(rows, first.token_ids, strict=True):
                row.append(token)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_greedy_takes_the_largest_and_of_equals_the_lowest_id(dtype: torch.dtype) -> None:
    logits = torch.tensor([[0.0, 3.0, 3.0, 1.0], [2.0, 2.0, 2.0, 2.0], [-1.0, -3.0, -1.0, -0.5]], dtype=dtype)
    logits = torch.cat([logits, torch.zeros(3, 40000, dtype=dtype) - 9, torch.full((3, 5), 3.0, dtype=dtype)], 1)
    rows = [SampleRow(params=p, seed=0, position=1) for p in (SamplingParams(top_k=1), SamplingParams(top_p=0.0))]
    rows.append(SampleRow(params=SamplingParams(temperature=0.0), seed=0, position=1))
    logits[1, 40004:] = 2.0
    logits[2, 40004:] = -0.5
    assert sample(logits, SamplingBatch(rows)).token_ids == [1, 0, 3]


@pytest.mark.parametrize("poison", [math.nan, math.inf])
@pytest.mark.parametrize("vocabulary", [7, 5000])
def test_a_row_that_is_not_finite_fails_alone(poison: float, vocabulary: int) -> None:
    rows = mixed_rows(20)
    logits = mixed_logits(20, vocabulary)
    healthy = sample(logits, SamplingBatch(rows))
    sick = list(range(0, 20, 3))
    logits[sick, 2] = poison
    sampled = sample(logits, SamplingBatch(rows))
    assert sampled.finite == [i not in sick for i in range(20)]
    for i in range(20):
        expected = (0, None) if i in sick else (healthy.token_ids[i], healthy.logprobs[i])
        assert (sampled.token_ids[i], sampled.logprobs[i]) == expected


def test_a_poisoned_logit_that_a_mask_hides_is_still_found() -> None:
    row = SampleRow.start(SamplingParams(min_new_tokens=1), 0, [1], end_token_ids=(2,))
    assert sample(torch.tensor([[0.0, 1.0, math.nan]]), SamplingBatch([row])).finite == [False]


@pytest.mark.parametrize("params", [SamplingParams(temperature=0.0), SamplingParams(), SamplingParams(top_p=0.5)])
def test_a_row_without_any_allowed_token_is_not_finite(params: SamplingParams) -> None:
    rows = [SampleRow(params=params, seed=0, position=1) for _ in range(3)]
    logits = torch.zeros(3, 6)
    logits[0] = -math.inf
    allowed = torch.ones(3, 6, dtype=torch.bool)
    allowed[1] = False
    assert sample(logits, SamplingBatch(rows), allowed).finite == [False, False, True]


def test_an_allowed_set_smaller_than_top_k_is_all_that_is_drawn() -> None:
    allowed = torch.zeros(500, 3000, dtype=torch.bool)
    allowed[:, [17, 2999]] = True
    rows = [SampleRow(params=SamplingParams(top_k=20, top_p=0.95), seed=3, position=i) for i in range(500)]
    sampled = sample(torch.zeros(500, 3000), SamplingBatch(rows), allowed)
    assert set(sampled.token_ids) == {17, 2999}


def test_an_empty_batch_is_an_empty_answer() -> None:
    assert sample(torch.zeros(0, 9), SamplingBatch([])) == Sampled([], [], [])


def assert_frequencies(tokens: list[int], distribution: reference.Row) -> None:
    """Pearson's chi-square within five standard deviations; seeds are fixed, so the answer is, too."""
    possible = distribution > 0
    counts = np.bincount(tokens, minlength=len(distribution))
    assert not counts[~possible].any()
    expected = distribution[possible] * len(tokens)
    statistic = float(((counts[possible] - expected) ** 2 / expected).sum())
    freedom = int(possible.sum()) - 1
    assert statistic < freedom + 5 * math.sqrt(2 * freedom) + 1e-9


@pytest.mark.parametrize("by", ["position", "seed"])
@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(),
        SamplingParams(temperature=1.7),
        SamplingParams(temperature=0.8, min_p=0.1),
        SamplingParams(top_k=6),
        SamplingParams(top_p=0.75),
        SamplingParams(temperature=1.2, top_k=10, top_p=0.9, min_p=0.02),
        SamplingParams(logit_bias={0: 2.0}, repetition_penalty=1.5, presence_penalty=0.5),
    ],
)
def test_tokens_have_the_right_frequencies(params: SamplingParams, by: str) -> None:
    count = 20000
    logits = logits_row("wide", 16, 11) / 3
    rows = [SampleRow.start(params, 7, [1, 2], output_ids=[3, 4]) for _ in range(count)]
    for index, row in enumerate(rows):
        setattr(row, by, index)
    batch = SamplingBatch(rows)
    tokens = sample(logits.expand(count, -1).contiguous(), batch).token_ids
    adjusted = adjust(logits.unsqueeze(0), SamplingBatch(rows[:1]))[0]
    assert_frequencies(tokens, reference.probabilities(float64(adjusted), params))


@pytest.mark.parametrize("params", [SamplingParams(), SamplingParams(top_p=0.9), SamplingParams(top_k=200, top_p=0.95)])
def test_a_large_flat_vocabulary_has_the_right_frequencies(params: SamplingParams) -> None:
    count, vocabulary = 600, 1500
    logits = logits_row("narrow", vocabulary, 2)
    rows = [SampleRow(params=params, seed=5, position=index) for index in range(count)]
    tokens = sample(logits.expand(count, -1).contiguous(), SamplingBatch(rows)).token_ids
    distribution = reference.probabilities(float64(logits), params)
    # Ten buckets of ids, so that each expects many tokens.
    bucket = np.arange(vocabulary) * 10 // vocabulary
    assert distribution[tokens].min() > 0
    assert_frequencies(bucket[tokens].tolist(), np.bincount(bucket, weights=distribution))
