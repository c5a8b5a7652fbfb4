"""Every family computes what transformers computes: alone and batched, cold and cached, whole and chunked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from transformers import PreTrainedModel

from sgl.protocol.messages import LogprobRequest
from tests.harness import LocalEngine, generate
from tests.zoo.families import FAMILIES, greedy, logprobs, make_checkpoint
from tests.zoo.family import VOCAB, Family

TOLERANCE = 1e-3
ANSWER = 24


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def checkpoint(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, PreTrainedModel]]:
    family: Family = request.param
    folder = tmp_path_factory.mktemp(family.name)
    return folder, make_checkpoint(family, folder)


@dataclass(frozen=True)
class Wanted:
    """What transformers answers to a prompt: tokens, and the logarithm of each one's probability."""

    tokens: list[int]
    logprobs: list[float]


@pytest.fixture(scope="module")
def wanted(checkpoint: tuple[Path, PreTrainedModel]) -> list[Wanted]:
    """The answers to `prompts`, asked for once: they take as long as all else."""
    _, reference = checkpoint
    answers = []
    for prompt in prompts():
        tokens = greedy(reference, prompt, ANSWER)
        answers.append(Wanted(tokens, logprobs(reference, prompt + tokens)[len(prompt) - 1 :]))
    return answers


def prompts() -> list[list[int]]:
    """Prompts of several lengths; three share their first 40 tokens."""
    draw = np.random.default_rng(11)
    shared = draw.integers(3, VOCAB, 40).tolist()
    tails = [draw.integers(3, VOCAB, length).tolist() for length in (1, 9, 30)]
    return [shared + tail for tail in tails] + [draw.integers(3, VOCAB, length).tolist() for length in (1, 5, 61)]


@pytest.mark.parametrize(("page_size", "chunk"), [(1, 7), (16, 512)])
def test_greedy_tokens_and_logprobs_equal_transformers(
    checkpoint: tuple[Path, PreTrainedModel], wanted: list[Wanted], page_size: int, chunk: int
) -> None:
    folder, _ = checkpoint
    engine = LocalEngine.load(folder, page_size=page_size, chunked_prefill_size=chunk)
    asked = prompts()

    def check(rid: int, index: int, cached: bool) -> None:
        answer = engine.answers[rid]
        assert answer.failure is None
        assert answer.tokens == wanted[index].tokens
        got = [entry.logprob for entry in answer.logprobs]
        assert got == pytest.approx(wanted[index].logprobs, abs=TOLERANCE)
        assert (answer.cached_tokens > 0) == cached

    options = {"max_new_tokens": ANSWER, "ignore_eos": True, "logprobs": LogprobRequest(output=True)}
    engine.submit(generate(1, asked[0], **options))
    engine.finish()
    check(1, 0, cached=False)
    engine.submit(*(generate(10 + index, prompt, **options) for index, prompt in enumerate(asked)))
    engine.finish()
    for index, prompt in enumerate(asked):
        check(10 + index, index, cached=len(prompt) > 40 and index < 3)
    engine.submit(*(generate(20 + index, prompt, **options) for index, prompt in enumerate(asked)))
    engine.finish()
    for index, prompt in enumerate(asked):
        check(20 + index, index, cached=len(prompt) > page_size)


def test_prompt_logprobs_equal_transformers(checkpoint: tuple[Path, PreTrainedModel]) -> None:
    folder, reference = checkpoint
    engine = LocalEngine.load(folder, page_size=4, chunked_prefill_size=16)
    prompt = prompts()[2]
    engine.ask(prompt, max_new_tokens=4)
    for start in (0, 1, 33):
        answer = engine.ask(prompt, max_new_tokens=0, logprobs=LogprobRequest(output=True, prompt_start=start))
        assert answer.finish is not None
        assert answer.finish.kind == "length"
        assert answer.tokens == []
        assert answer.prompt_logprobs is not None
        scores = [None if entry is None else entry.logprob for entry in answer.prompt_logprobs]
        expected = [None, *logprobs(reference, prompt)][start:]
        assert len(scores) == len(expected)
        assert scores[0] is None or start > 0
        assert scores[1:] == pytest.approx(expected[1:], abs=TOLERANCE)
        assert answer.cached_tokens <= max(start - 1, 0)
