"""Kept sets: candidates against the exact way, both against the plain twin and against transformers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from sgl.protocol.sampling import SamplingParams
from sgl.sampling import reference
from sgl.sampling.nucleus import exact, from_candidates
from sgl.sampling.weights import pick
from tests.unit.sampling.cases import draw_params, float64, logits_row, parameters_of, shapes, vocabularies

SLACK = 1e-5
"""Relative width of the zone around a threshold within which float32 and float64 may decide differently."""


def kept_weights(logits: Tensor, params: SamplingParams) -> Tensor:
    """Weights [V] of one row, as the sampler finds them."""
    row, best, parameters = logits.unsqueeze(0), logits.max().reshape(1, 1), parameters_of([params])
    ids, weights, undecided = from_candidates(row, best, parameters)
    if undecided is not None and bool(undecided[0]):
        return exact(row, best, parameters)[0]
    return torch.zeros_like(row, dtype=torch.int64).scatter(1, ids, weights)[0]


def moved(params: SamplingParams, factor: float) -> SamplingParams:
    """The same with top_p and min_p a little stricter (factor below 1) or laxer."""
    return SamplingParams(
        temperature=params.temperature,
        top_k=params.top_k,
        top_p=min(1.0, params.top_p * factor),
        min_p=min(1.0, params.min_p / factor),
    )


@settings(max_examples=60, deadline=None)
@given(shapes, vocabularies, st.integers(0, 10**6), draw_params)
def test_candidates_and_exact_find_the_same_weights(
    shape: str, vocabulary: int, seed: int, params: SamplingParams
) -> None:
    logits = logits_row(shape, vocabulary, seed)
    weights = kept_weights(logits, params)
    assert torch.equal(weights, exact(logits.unsqueeze(0), logits.max().reshape(1, 1), parameters_of([params]))[0])
    assert int(weights.sum()) > 0


@settings(max_examples=60, deadline=None)
@given(shapes, vocabularies, st.integers(0, 10**6), draw_params)
def test_plain_twin_gives_the_same_set_and_probabilities(
    shape: str, vocabulary: int, seed: int, params: SamplingParams
) -> None:
    logits = logits_row(shape, vocabulary, seed)
    weights = float64(kept_weights(logits, params))
    strict, lax = (reference.probabilities(float64(logits), moved(params, f)) for f in (1 - SLACK, 1 + SLACK))
    visible = 2.0**-39
    assert not np.any((weights == 0) & (strict > visible))
    assert not np.any((weights > 0) & (lax == 0))
    if np.array_equal(strict > 0, lax > 0):
        np.testing.assert_allclose(weights / weights.sum(), strict, rtol=2 * SLACK, atol=1e-7)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(temperature=0.7),
        SamplingParams(top_k=40),
        SamplingParams(top_k=500),
        SamplingParams(top_p=0.8),
        SamplingParams(top_p=0.99, temperature=1.5),
        SamplingParams(min_p=0.02),
        SamplingParams(temperature=0.8, top_k=50, top_p=0.9, min_p=0.01),
        SamplingParams(temperature=2.0, top_k=700, top_p=0.9, min_p=0.001),
    ],
)
def test_transformers_keeps_the_same_tokens(params: SamplingParams, seed: int) -> None:
    logits = logits_row("wide" if seed % 2 else "narrow", 4000, seed)
    warpers = LogitsProcessorList([TemperatureLogitsWarper(params.temperature)])
    if params.top_k > 0:
        warpers.append(TopKLogitsWarper(params.top_k))
    if params.top_p < 1.0:
        warpers.append(TopPLogitsWarper(params.top_p))
    if params.min_p > 0.0:
        warpers.append(MinPLogitsWarper(params.min_p))
    expected = torch.softmax(warpers(torch.zeros(1, 0, dtype=torch.int64), logits.unsqueeze(0).clone())[0], -1)
    weights = kept_weights(logits, params)
    assert (weights > 0).equal(expected > expected.max() * 2.0**-40)
    torch.testing.assert_close((weights / weights.sum()).float(), expected, rtol=1e-4, atol=1e-7)


def test_ties_with_the_last_kept_token_are_kept() -> None:
    logits = torch.tensor([2.0, 1.0, 1.0, 1.0, 0.0])
    assert kept_weights(logits, SamplingParams(top_k=2)).bool().tolist() == [True, True, True, True, False]
    assert kept_weights(logits, SamplingParams(top_p=0.6)).bool().tolist() == [True, True, True, True, False]
    assert kept_weights(logits, SamplingParams(top_p=0.4)).bool().tolist() == [True, False, False, False, False]


def test_ties_beyond_the_candidates_are_kept() -> None:
    logits = torch.zeros(1000)
    logits[500:520] = 3.0
    weights = kept_weights(logits, SamplingParams(top_k=100))
    assert int((weights > 0).sum()) == 1000
    assert int((kept_weights(logits, SamplingParams(top_k=20)) > 0).sum()) == 20


def test_top_k_counts_tokens_whose_weights_round_to_the_same() -> None:
    logits = torch.arange(1000, dtype=torch.float32)
    weights = kept_weights(logits, SamplingParams(temperature=1e30, top_k=5))
    assert weights.nonzero().squeeze(1).tolist() == [995, 996, 997, 998, 999]


def test_pick_covers_each_token_exactly_in_id_order() -> None:
    weights = torch.tensor([[0, 3, 0, 1, 4, 0]]).expand(8, -1)
    eighths = [part << 61 for part in range(8)]
    assert pick(weights, eighths) == [1, 1, 1, 3, 4, 4, 4, 4]
    assert pick(weights, [bits + (1 << 61) - 1 for bits in eighths]) == [1, 1, 1, 3, 4, 4, 4, 4]
