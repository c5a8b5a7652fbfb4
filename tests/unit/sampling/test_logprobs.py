"""Log probabilities of output and prompt."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sgl.errors import EngineFailure
from sgl.protocol.messages import LogprobRequest
from sgl.protocol.sampling import SamplingParams
from sgl.sampling import reference
from sgl.sampling.arrays import SampleRow, SamplingBatch
from sgl.sampling.logprobs import prompt_logprobs
from sgl.sampling.sampler import sample
from tests.unit.sampling.cases import float64, logits_row

FULL = LogprobRequest(output=True, top=5, token_ids=(8, 0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_output_logprobs_are_the_models_own_whatever_is_sampled(dtype: torch.dtype) -> None:
    logits = torch.stack([logits_row("wide", 3000, seed) for seed in range(4)]).to(dtype)
    params = SamplingParams(temperature=0.5, top_k=3, logit_bias={8: -50.0}, repetition_penalty=1.7)
    wants = [FULL, LogprobRequest(), LogprobRequest(output=True), FULL]
    rows = [SampleRow.start(params, seed, [1, 2], logprobs=want) for seed, want in enumerate(wants)]
    sampled = sample(logits, SamplingBatch(rows))
    for row, want, token, entry in zip(logits, wants, sampled.token_ids, sampled.logprobs, strict=True):
        if not want.output:
            assert entry is None
            continue
        expected = reference.logprobs(float64(row))
        assert entry is not None
        assert entry.token_id == token
        assert entry.logprob == pytest.approx(expected[token], abs=1e-5)
        best = np.argsort(-expected, kind="stable")[: want.top]
        assert [value for _, value in entry.top] == pytest.approx(expected[best].tolist(), abs=1e-5)
        assert all(value == pytest.approx(expected[id], abs=1e-5) for id, value in entry.top)
        assert [id for id, _ in entry.chosen] == list(want.token_ids)
        assert [value for _, value in entry.chosen] == pytest.approx(expected[list(want.token_ids)].tolist(), abs=1e-5)


def test_alternatives_are_sorted_by_logprob_then_id_and_bounded_by_the_vocabulary() -> None:
    logits = torch.tensor([[1.0, 3.0, 1.0, 3.0, -math.inf]])
    row = SampleRow.start(SamplingParams(), 0, [1], logprobs=LogprobRequest(output=True, top=20))
    entry = sample(logits, SamplingBatch([row])).logprobs[0]
    assert entry is not None
    assert [id for id, _ in entry.top] == [1, 3, 0, 2, 4]
    assert entry.top[4][1] == -math.inf


def test_prompt_logprobs_have_the_bits_of_each_position_alone() -> None:
    count, vocabulary = 60, 40000  # several blocks
    logits = torch.stack([logits_row("wide", vocabulary, seed) for seed in range(count)])
    targets = [(seed * 997) % vocabulary for seed in range(count)]
    entries = prompt_logprobs(logits, targets, FULL)
    assert entries == [prompt_logprobs(row.unsqueeze(0), [t], FULL)[0] for row, t in zip(logits, targets, strict=True)]
    expected = [reference.logprobs(float64(row))[target] for row, target in zip(logits, targets, strict=True)]
    assert [entry.logprob for entry in entries] == pytest.approx(expected, abs=1e-5)


def test_no_prompt_positions_give_no_entries() -> None:
    assert prompt_logprobs(torch.zeros(0, 9), [], FULL) == []


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_prompt_with_logits_that_are_not_finite_fails(poison: float) -> None:
    logits = torch.zeros(3, 9)
    logits[1, 4] = poison
    with pytest.raises(EngineFailure, match="not finite"):
        prompt_logprobs(logits, [1, 2, 3], LogprobRequest(prompt_start=0))
