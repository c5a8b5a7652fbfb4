"""What changes logits, against the plain twin and transformers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.generation.logits_process import MinNewTokensLengthLogitsProcessor, RepetitionPenaltyLogitsProcessor

from sgl.protocol.sampling import SamplingParams
from sgl.sampling import reference
from sgl.sampling.arrays import SampleRow, SamplingBatch
from sgl.sampling.sampler import adjust
from tests.unit.sampling.cases import float64, logits_row, shapes

VOCABULARY = 50
ids = st.lists(st.integers(0, VOCABULARY - 1), max_size=30)
changing_params = st.builds(
    SamplingParams,
    repetition_penalty=st.sampled_from([1.0, 0.5, 1.1, 2.0]),
    presence_penalty=st.sampled_from([0.0, -2.0, 0.7]),
    frequency_penalty=st.sampled_from([0.0, -0.3, 1.5]),
    logit_bias=st.dictionaries(
        st.integers(0, VOCABULARY - 1), st.sampled_from([-100.0, -1.5, 0.25, 100.0]), max_size=4
    ),
    min_new_tokens=st.sampled_from([0, 5, 20]),
    stop_token_ids=st.lists(st.integers(0, VOCABULARY - 1), max_size=2).map(tuple),
    max_new_tokens=st.just(100),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(shapes, changing_params, ids, ids), min_size=1, max_size=5), st.booleans(), st.randoms())
def test_plain_twin_changes_each_row_alike(
    cases: list[tuple[str, SamplingParams, list[int], list[int]]], masked: bool, random: np.random.RandomState
) -> None:
    logits = torch.stack([logits_row(shape, VOCABULARY, seed) for seed, (shape, *_) in enumerate(cases)])
    before = logits.clone()
    allowed = torch.tensor([[random.random() < 0.7 for _ in range(VOCABULARY)] for _ in cases])
    rows = [SampleRow.start(p, 0, prompt, output_ids=out, end_token_ids=(2,)) for _, p, prompt, out in cases]
    adjusted = adjust(logits, SamplingBatch(rows), allowed if masked else None)
    assert torch.equal(logits, before)
    for row, (_, params, prompt, out), mask, result in zip(logits, cases, allowed, adjusted, strict=True):
        context = reference.Context(prompt, out, (2,), mask.numpy() if masked else None)
        expected = reference.adjust(float64(row), params, context)
        np.testing.assert_allclose(float64(result), expected, rtol=2e-6, atol=1e-5)


@pytest.mark.parametrize("penalty", [0.5, 1.1, 2.0])
def test_repetition_penalty_has_the_bits_of_transformers(penalty: float) -> None:
    logits = logits_row("wide", 300, 1).unsqueeze(0)
    prompt, output = [5, 7, 7, 299], [0, 5, 11]
    row = SampleRow.start(SamplingParams(repetition_penalty=penalty), 0, prompt, output_ids=output)
    expected = RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor([prompt + output]), logits.clone())
    assert torch.equal(adjust(logits, SamplingBatch([row])), expected)


def test_min_new_tokens_masks_what_transformers_masks_until_there_are_enough() -> None:
    logits = logits_row("wide", 40, 3).unsqueeze(0)
    params = SamplingParams(min_new_tokens=2, stop_token_ids=(9,))
    row = SampleRow.start(params, 0, [1, 2, 3], end_token_ids=(4, 5))
    batch = SamplingBatch([row])
    twin = MinNewTokensLengthLogitsProcessor(3, 2, [4, 5, 9])
    seen = [1, 2, 3]
    for token in (6, 7, 8):
        assert torch.equal(adjust(logits, batch), twin(torch.tensor([seen]), logits))
        row.append(token)
        seen.append(token)
    assert adjust(logits, batch) is logits


def test_end_ids_outside_the_vocabulary_are_no_tokens() -> None:
    row = SampleRow.start(SamplingParams(min_new_tokens=1), 0, [1], end_token_ids=(-1, 3, 10))
    adjusted = adjust(torch.zeros(1, 10), SamplingBatch([row]))
    assert adjusted[0].isinf().nonzero().tolist() == [[3]]


@pytest.mark.parametrize("vocabulary", [5, 32, 33, 100])
def test_packed_grammar_masks_mean_the_same_as_plain_ones(vocabulary: int) -> None:
    generator = torch.Generator().manual_seed(vocabulary)
    allowed = torch.rand(3, vocabulary, generator=generator) < 0.5
    words = np.zeros((3, (vocabulary + 31) // 32), dtype=np.uint32)
    for row, token in allowed.nonzero().tolist():
        words[row, token // 32] |= np.uint32(1 << token % 32)
    batch = SamplingBatch([SampleRow.start(SamplingParams(), 0, [1]) for _ in range(3)])
    logits = torch.randn(3, vocabulary, generator=generator)
    packed = adjust(logits, batch, torch.from_numpy(words.view(np.int32)))
    assert torch.equal(packed, adjust(logits, batch, allowed))
    assert torch.equal(packed.isinf(), ~allowed)


def test_a_penalty_near_zero_leaves_finite_logits() -> None:
    row = SampleRow.start(SamplingParams(repetition_penalty=1e-38), 0, [0])
    assert adjust(torch.tensor([[1e10, -1.0]]), SamplingBatch([row])).isfinite().all()
