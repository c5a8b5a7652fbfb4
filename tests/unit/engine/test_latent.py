"""Latent attention in the whole engine: speculation, retraction, chunks and cache change no token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sgl.protocol.messages import LogprobRequest
from tests.harness import Answer, LocalEngine, generate
from tests.zoo.deepseek import DEEPSEEK
from tests.zoo.families import make_checkpoint
from tests.zoo.family import VOCAB

SAMPLING: dict[str, Any] = {"max_new_tokens": 40, "ignore_eos": True, "logprobs": LogprobRequest(output=True)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A V3 with groups of experts and YaRN."""
    path = tmp_path_factory.mktemp("deepseek")
    make_checkpoint(next(family for family in DEEPSEEK if family.name == "deepseek-v3"), path)
    return path


def prompts() -> list[list[int]]:
    """Four that share their first 40 tokens; the last parts repeat, so that there is something to guess."""
    draw = np.random.default_rng(4)
    shared = draw.integers(3, VOCAB, 40).tolist()
    return [shared + 3 * draw.integers(3, VOCAB, length).tolist() for length in (1, 3, 5, 12)]


def alone(folder: Path, **options: Any) -> list[Answer]:
    """Each prompt in an engine of its own, whole and uncached."""
    return [LocalEngine.load(folder, radix_cache=False, **options).ask(prompt, **SAMPLING) for prompt in prompts()]


def together(folder: Path, **options: Any) -> list[Answer]:
    """All prompts at once, cold and then cached."""
    engine = LocalEngine.load(folder, **options)
    for base in (10, 20):
        engine.submit(*(generate(base + index, prompt, **SAMPLING) for index, prompt in enumerate(prompts())))
        engine.finish()
    return [engine.answers[base + index] for base in (10, 20) for index in range(len(prompts()))]


def test_nothing_changes_the_tokens(folder: Path) -> None:
    wanted = [answer.tokens for answer in alone(folder)] * 2
    variants: list[dict[str, Any]] = [
        {"page_size": 1, "chunked_prefill_size": 9},
        {"page_size": 16, "max_total_tokens": 224, "max_running_requests": 4},
        {"page_size": 4, "speculative": "ngram"},
        {"page_size": 1, "speculative": "ngram", "max_total_tokens": 160, "chunked_prefill_size": 30},
    ]
    for options in variants:
        answers = together(folder, **options)
        assert [answer.tokens for answer in answers] == wanted
        retracted = sum(answer.retractions for answer in answers)
        assert (retracted > 0) == ("max_total_tokens" in options)
        assert all(answer.cached_tokens >= 32 for answer in answers[4:]) or retracted


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_deterministic_gives_the_same_bits(folder: Path, dtype: str) -> None:
    options: dict[str, Any] = {"deterministic": True, "dtype": dtype, "page_size": 4}
    wanted = alone(folder, **options)
    answers = together(folder, **options, chunked_prefill_size=13)
    for mine, theirs in zip(answers, wanted * 2, strict=True):
        assert mine.tokens == theirs.tokens
        assert mine.logprobs == theirs.logprobs, "equal to the last bit"


@pytest.mark.parametrize("storage", ["int8", "fp8_e4m3"])
def test_rounded_vectors_change_no_token_from_run_to_run(folder: Path, storage: str) -> None:
    """And what they change beside unrounded ones is small."""
    options: dict[str, Any] = {"kv_cache_dtype": storage, "deterministic": True}
    wanted = alone(folder, **options)
    answers = together(folder, **options, chunked_prefill_size=13)
    assert [answer.tokens for answer in answers] == [answer.tokens for answer in wanted] * 2
    for mine, exact in zip(wanted, alone(folder), strict=True):
        first = abs(mine.logprobs[0].logprob - exact.logprobs[0].logprob)
        assert 0 < first < 0.5
