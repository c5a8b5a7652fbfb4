"""`DeviceSampler` in Triton's interpreter against the CPU sampler: mixed batches, step after step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor

from sgl.kernels.triton.argmax import greedy
from sgl.protocol.messages import LogprobRequest
from sgl.protocol.sampling import SamplingParams
from sgl.sampling import device_rows
from sgl.sampling.arrays import SampleRow, SamplingBatch
from sgl.sampling.device import DeviceSampler
from sgl.sampling.sampler import Sampled, sample
from tests.interpreter import mend_bfloat16, patch_once, skip_dropped_checks
from tests.unit.sampling.test_sampler import MIXED, mixed_logits, mixed_rows


@pytest.fixture(autouse=True)
def _interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    mend_bfloat16(monkeypatch)
    patch_once(monkeypatch)
    skip_dropped_checks(monkeypatch)


def assert_same(found: Sampled, expected: Sampled) -> None:
    """Tokens exactly, logprobs to float32's rounding."""
    assert (found.token_ids, found.finite) == (expected.token_ids, expected.finite)
    for mine, theirs in zip(found.logprobs, expected.logprobs, strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None and theirs is not None:
            assert mine.token_id == theirs.token_id
            assert mine.logprob == pytest.approx(theirs.logprob, abs=1e-5)
            assert [token for token, _ in mine.top] == [token for token, _ in theirs.top]
            assert [token for token, _ in mine.chosen] == [token for token, _ in theirs.chosen]
            told, wanted = [v for _, v in mine.top + mine.chosen], [v for _, v in theirs.top + theirs.chosen]
            assert told == pytest.approx(wanted, abs=1e-5)


def draw(sampler: DeviceSampler, logits: Tensor, rows: Sequence[SampleRow], allowed: Tensor | None = None) -> Sampled:
    return sampler.sample(logits, rows, allowed=allowed).start_download().to_host()


@pytest.mark.parametrize(("vocabulary", "dtype"), [(301, torch.float32), (32, torch.bfloat16), (7, torch.float32)])
def test_a_mixed_batch_step_after_step(vocabulary: int, dtype: torch.dtype) -> None:
    sampler = DeviceSampler(vocabulary, "cpu")
    mine, theirs = mixed_rows(10), mixed_rows(10)
    for step in range(3):
        logits = (mixed_logits(10, vocabulary).roll(step, 0) / 2).to(dtype)
        before = logits.clone()
        found = draw(sampler, logits, mine)
        assert_same(found, sample(logits, SamplingBatch(theirs)))
        assert torch.equal(logits, before)
        for rows in (mine, theirs):
            for row, token in zip(rows, found.token_ids, strict=True):
                row.append(token)


def test_a_grammar_masks() -> None:
    words = torch.randint(-(2**31), 2**31, (10, 10), generator=torch.Generator().manual_seed(1)).to(torch.int32)
    words[0] = -1
    logits = mixed_logits(10, 301)
    found = draw(DeviceSampler(301, "cpu"), logits, mixed_rows(10), words)
    assert_same(found, sample(logits, SamplingBatch(mixed_rows(10)), words))


PENALISED = SamplingParams(repetition_penalty=1.5, frequency_penalty=0.7, presence_penalty=0.3, temperature=0.8)


def kinds() -> list[SampleRow]:
    params = (PENALISED, SamplingParams(top_k=5), SamplingParams(temperature=0.0, min_new_tokens=4))
    return [SampleRow.start(each, 3, [1, 2, 3], end_token_ids=(4,)) for each in params]


def logits_of_steps(steps: int, rows: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(2)
    for _ in range(steps):
        yield torch.randn(rows, 40, generator=generator) * 2


def test_the_host_may_lag_behind_by_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under overlap scheduling: a step is launched before the token of the one before is appended."""
    uploads = []
    upload = device_rows.upload
    monkeypatch.setattr(device_rows, "upload", lambda *given: uploads.append(given) or upload(*given))
    sampler = DeviceSampler(40, "cpu")
    mine, theirs = kinds(), kinds()
    pending: Sampled | None = None
    for step, logits in enumerate(logits_of_steps(6, 3)):
        uploads.clear()
        launched = sampler.sample(logits, mine, [int(step > 0)] * 3)
        assert bool(uploads) == (step == 0), "steady decode uploads nothing"
        for row, token in zip(mine, [] if pending is None else pending.token_ids, strict=False):
            row.append(token)
        pending = launched.start_download().to_host()
        assert_same(pending, sample(logits, SamplingBatch(theirs)))
        for row, token in zip(theirs, pending.token_ids, strict=True):
            row.append(token)


def test_a_step_that_was_thrown_away_is_drawn_again() -> None:
    sampler = DeviceSampler(40, "cpu")
    rows, expected = kinds(), kinds()
    first, second = logits_of_steps(2, 3)
    draw(sampler, second, rows)
    assert_same(draw(sampler, first, rows), sample(first, SamplingBatch(expected)))


def test_rows_come_and_go() -> None:
    """Lines of histories are handed on, and grow beyond those there are."""
    sampler = DeviceSampler(40, "cpu")
    params = [PENALISED, SamplingParams(temperature=0.0, frequency_penalty=1.0), SamplingParams()]
    mine, theirs = ([SampleRow.start(params[i % 3], i, [i, 2], end_token_ids=()) for i in range(9)] for _ in range(2))
    plans = [[0, 1, 2], [1, 0], list(range(9)), [8, 7, 6, 4], [0, 8, 1]]
    for plan, logits in zip(plans, logits_of_steps(len(plans), 9), strict=True):
        part = logits[: len(plan)]
        found = draw(sampler, part, [mine[i] for i in plan])
        assert_same(found, sample(part, SamplingBatch([theirs[i] for i in plan])))
        for i, token in zip(plan, found.token_ids, strict=True):
            mine[i].append(token)
            theirs[i].append(token)


def test_a_penalised_row_cannot_join_with_a_token_in_flight() -> None:
    sampler = DeviceSampler(40, "cpu")
    with pytest.raises(ValueError, match="no token in flight"):
        sampler.sample(torch.zeros(1, 40), kinds()[:1], [1])


def test_a_row_that_is_not_finite_fails_alone_and_tells_no_logprob() -> None:
    logits = mixed_logits(10, 50)
    logits[[1, 4], 3] = torch.tensor([math.nan, math.inf])
    found = draw(DeviceSampler(50, "cpu"), logits, mixed_rows(10))
    assert_same(found, sample(logits, SamplingBatch(mixed_rows(10))))
    assert found.finite.count(False) == 2


def test_what_a_graph_has_chosen_is_taken_where_nothing_changes_it() -> None:
    logits = mixed_logits(3, 50)
    tokens = torch.tensor([11, 12, 13])
    likeliest = (tokens, torch.ones(3, dtype=torch.bool))
    plain = [SampleRow.start(MIXED[0], 0, [1]) for _ in range(3)]
    sampler = DeviceSampler(50, "cpu")
    assert sampler.sample(logits, plain, likeliest=likeliest).tokens is tokens
    biased = [SampleRow.start(SamplingParams(temperature=0.0, logit_bias={4: 99.0}), 0, [1]), *plain[1:]]
    expected = [4, *greedy(logits[1:])[0].tolist()]
    assert sampler.sample(logits, biased, likeliest=likeliest).tokens.tolist() == expected


def test_logprobs_of_some_rows_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sgl.sampling.device_logprobs.BLOCK_ELEMENTS", 2 * 50)
    wishes = [LogprobRequest(output=True, top=3, token_ids=(7, 7, 2)), LogprobRequest(), LogprobRequest(output=True)]
    rows = [SampleRow.start(MIXED[1], 5, [i], logprobs=wishes[i % 3]) for i in range(8)]
    logits = mixed_logits(8, 50) / 2
    assert_same(draw(DeviceSampler(50, "cpu"), logits, rows), sample(logits, SamplingBatch(rows)))


def test_no_rows() -> None:
    assert draw(DeviceSampler(9, "cpu"), torch.zeros(0, 9), []) == Sampled([], [], [])


def test_the_sampler_serves_after_it_was_warmed_up() -> None:
    sampler = DeviceSampler(40, "cpu")
    sampler.warm_up(torch.bfloat16, masked=True)
    (logits,) = logits_of_steps(1, 3)
    assert_same(draw(sampler, logits, kinds()), sample(logits, SamplingBatch(kinds())))


def test_the_largest_draw_needs_no_more_lines_than_there_are() -> None:
    sampler = DeviceSampler(40, "cpu", penalised=5)
    lines = sampler._histories.lines
    assert lines.shape == (5, 40)
    sampler.fill(torch.randn(7, 40), 5)
    sampler.warm_up(torch.bfloat16)
    (logits,) = logits_of_steps(1, 3)
    assert_same(draw(sampler, logits, kinds()), sample(logits, SamplingBatch(kinds())))
    assert sampler._histories.lines is lines


def test_tokens_on_a_device_are_not_read() -> None:
    sampled = DeviceSampler(9, "cpu").sample(torch.zeros(1, 9), [SampleRow.start(MIXED[0], 0, [1])])
    elsewhere = type(sampled)(sampled.tokens.to("meta"), sampled.finite)
    with pytest.raises(ValueError, match="wait for the copy"):
        elsewhere.to_host()
