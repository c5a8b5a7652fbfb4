"""Cached, chunked, batched and retracted runs tell the same story; with deterministic, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sgl.protocol.messages import LogprobRequest
from tests.harness import Answer, LocalEngine, generate

STORY = 60
ROUNDING = 0.15
"""Difference of log probabilities that bfloat16 sums in another order can make in this model."""


def prompts() -> list[list[int]]:
    draw = np.random.default_rng(4)
    shared = [1, *draw.integers(3, 500, 50).tolist()]
    return [shared + draw.integers(3, 500, length).tolist() for length in (1, 7, 20, 40)]


def run_alone(folder: Path, sampling: dict[str, Any], **options: Any) -> list[Answer]:
    """Each prompt in an engine of its own, whole, uncached, unbatched."""
    answers = []
    for prompt in prompts():
        engine = LocalEngine.load(folder, radix_cache=False, **options)
        answers.append(engine.ask(prompt, **sampling))
    return answers


def run_together(folder: Path, sampling: dict[str, Any], **options: Any) -> tuple[list[Answer], list[Answer]]:
    """All prompts at once, cold and then cached."""
    engine = LocalEngine.load(folder, **options)
    passes = []
    for base in (10, 20):
        engine.submit(*(generate(base + index, prompt, **sampling) for index, prompt in enumerate(prompts())))
        engine.finish()
        passes.append([engine.answers[base + index] for index in range(len(prompts()))])
    return passes[0], passes[1]


def sampling_of(temperature: float) -> dict[str, Any]:
    return {
        "max_new_tokens": STORY,
        "ignore_eos": True,
        "temperature": temperature,
        "top_p": 0.95,
        "seed": 1234,
        "logprobs": LogprobRequest(output=True, top=3),
    }


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_batch_chunks_cache_and_retraction_leave_the_tokens_alone(stories260k: Path, temperature: float) -> None:
    sampling = sampling_of(temperature)
    alone = [answer.tokens for answer in run_alone(stories260k, sampling)]
    variants: list[dict[str, Any]] = [
        {"page_size": 1},
        {"page_size": 4, "chunked_prefill_size": 9},
        {"page_size": 16, "max_total_tokens": 208, "max_running_requests": 4},
    ]
    for options in variants:
        cold, cached = run_together(stories260k, sampling, **options)
        assert [answer.tokens for answer in cold] == alone
        assert [answer.tokens for answer in cached] == alone
        if "max_total_tokens" in options:
            assert sum(answer.retractions for answer in cold + cached) > 0
        else:
            assert all(answer.cached_tokens >= 48 for answer in cached)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_deterministic_gives_the_same_bits(stories260k: Path, dtype: str) -> None:
    sampling = sampling_of(0.0)
    options: dict[str, Any] = {"deterministic": True, "dtype": dtype, "page_size": 4}
    alone = run_alone(stories260k, sampling, **options)
    cold, cached = run_together(stories260k, sampling, **options, chunked_prefill_size=13)
    for answers in (cold, cached):
        for mine, theirs in zip(answers, alone, strict=True):
            assert mine.tokens == theirs.tokens
            assert mine.logprobs == theirs.logprobs, "equal to the last bit"


def test_bfloat16_differs_only_where_two_tokens_are_as_good(stories260k: Path) -> None:
    sampling = sampling_of(0.0)
    alone = run_alone(stories260k, sampling, dtype="bfloat16")
    cold, cached = run_together(stories260k, sampling, dtype="bfloat16", page_size=4, chunked_prefill_size=9)
    same = 0
    for answers in (cold, cached):
        for mine, theirs in zip(answers, alone, strict=True):
            fork = next((i for i in range(STORY) if mine.tokens[i] != theirs.tokens[i]), STORY)
            same += fork
            if fork < STORY:
                best, second = (logprob for _, logprob in theirs.logprobs[fork].top[:2])
                assert best - second < ROUNDING, "a clear choice is the same in every batch"
    assert same > STORY, "most tokens are clear choices"
