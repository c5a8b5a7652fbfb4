"""An 8-bit KV cache end to end: what transformers computes where its own cache rounds in the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from sgl.config.kv import KvStorage
from sgl.protocol.messages import LogprobRequest
from tests.harness import Answer, LocalEngine, generate
from tests.zoo.families import FAMILIES, make_checkpoint
from tests.zoo.family import VOCAB

TOLERANCE = 2e-3
"""A K or V that both sides computed a little differently may be rounded the other way."""
ROUNDED = {"int8": 0.05, "fp8_e4m3": 0.1}
"""Mean difference of log probabilities to the cache that is not rounded, of a trained model with heads of 8."""
KINDS = pytest.mark.parametrize("kind", ["int8", "fp8_e4m3"])
TRIED = ("llama", "mistral-window", "gemma2", "gpt-oss")
SAMPLING: dict[str, Any] = {"max_new_tokens": 12, "ignore_eos": True, "logprobs": LogprobRequest(output=True)}


def rounded(states: Tensor, kind: KvStorage) -> Tensor:
    """Each token's head rounded to 8 bits by its largest element."""
    scale = states.abs().amax(-1, keepdim=True) / (127.0 if kind == "int8" else 448.0)
    units = states / scale
    return (units.round() if kind == "int8" else units.to(torch.float8_e4m3fn).float()) * scale


def logprobs(model: PreTrainedModel, ids: list[int], kind: KvStorage) -> list[float]:
    """What transformers computes over a cache that gives back rounded keys and values."""
    keep = DynamicCache.update
    calls = []

    def update(self: DynamicCache, key: Tensor, value: Tensor, *args: Any, **options: Any) -> tuple[Tensor, Tensor]:
        calls.append(key.shape)
        return keep(self, rounded(key, kind), rounded(value, kind), *args, **options)

    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(DynamicCache, "update", update)
        logits = model(torch.tensor([ids]), use_cache=True).logits[0]
    assert len(calls) == model.config.num_hidden_layers, "every layer went through the cache"
    found = logits.float().log_softmax(-1)[torch.arange(len(ids) - 1), torch.tensor(ids[1:])]
    return [float(score) for score in found]


def scores(answer: Answer) -> list[float]:
    assert answer.failure is None
    return [entry.logprob for entry in answer.logprobs]


def prompts() -> list[list[int]]:
    draw = np.random.default_rng(12)
    shared = draw.integers(3, VOCAB, 32).tolist()
    return [shared + draw.integers(3, VOCAB, length).tolist() for length in (1, 9, 20)]


@pytest.fixture(scope="module", params=TRIED)
def checkpoint(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, PreTrainedModel]:
    folder = tmp_path_factory.mktemp(request.param)
    (family,) = (family for family in FAMILIES if family.name == request.param)
    return folder, make_checkpoint(family, folder)


@KINDS
@pytest.mark.parametrize("chunk", [7, 512])
def test_logprobs_equal_those_of_transformers_with_rounded_keys_and_values(
    checkpoint: tuple[Path, PreTrainedModel], chunk: int, kind: KvStorage
) -> None:
    """Alone and together, cold and after a cache hit."""
    folder, reference = checkpoint
    engine = LocalEngine.load(folder, page_size=4, chunked_prefill_size=chunk, kv_cache_dtype=kind)
    asked = prompts()
    engine.submit(generate(1, asked[0], **SAMPLING))
    engine.finish()
    engine.submit(*(generate(10 + index, prompt, **SAMPLING) for index, prompt in enumerate(asked)))
    answers = [(asked[0], engine.finish()[1]), *((prompt, engine.answers[10 + i]) for i, prompt in enumerate(asked))]
    assert [answer.cached_tokens > 0 for _, answer in answers] == [False, True, True, True]
    for prompt, answer in answers:
        wanted = logprobs(reference, prompt + answer.tokens, kind)[len(prompt) - 1 :]
        assert scores(answer) == pytest.approx(wanted, abs=TOLERANCE)
    exact = LocalEngine.load(folder, page_size=4).ask(asked[0], **SAMPLING)
    assert scores(exact) != pytest.approx(scores(answers[0][1]), abs=TOLERANCE), "it rounds"


@KINDS
def test_a_cache_hit_gives_the_bits_of_the_same_steps_without_one(stories260k: Path, kind: KvStorage) -> None:
    prompt = [1, *np.random.default_rng(5).integers(3, 500, 44).tolist()]
    engine = LocalEngine.load(stories260k, page_size=4, chunked_prefill_size=16, kv_cache_dtype=kind)
    cold = engine.ask(prompt, **SAMPLING)
    engine = LocalEngine.load(stories260k, page_size=4, chunked_prefill_size=16, kv_cache_dtype=kind)
    engine.ask(prompt[:32], max_new_tokens=1)
    hit = engine.ask(prompt, **SAMPLING)
    assert (cold.cached_tokens, hit.cached_tokens) == (0, 32)
    assert (hit.tokens, scores(hit)) == (cold.tokens, scores(cold))


@KINDS
def test_deterministic_gives_the_same_bits_whatever_the_chunks_and_hits(stories260k: Path, kind: KvStorage) -> None:
    prompt = [1, *np.random.default_rng(6).integers(3, 500, 30).tolist()]
    answers = []
    for chunk in (512, 5):
        options: dict[str, Any] = {"chunked_prefill_size": chunk, "kv_cache_dtype": kind, "deterministic": True}
        engine = LocalEngine.load(stories260k, page_size=4, **options)
        answers += [engine.ask(prompt, **SAMPLING), engine.ask(prompt, **SAMPLING)]
    assert answers[1].cached_tokens > 0
    assert all(scores(answer) == scores(answers[0]) for answer in answers[1:])


@KINDS
def test_retracted_requests_tell_the_same_story(stories260k: Path, kind: KvStorage) -> None:
    asked = [[1, *np.random.default_rng(index).integers(3, 500, 4).tolist()] for index in range(4)]
    sampling = {**SAMPLING, "max_new_tokens": 70}
    options: dict[str, Any] = {"page_size": 4, "kv_cache_dtype": kind, "deterministic": True}
    alone = [LocalEngine.load(stories260k, **options).ask(prompt, **sampling).tokens for prompt in asked]
    engine = LocalEngine.load(stories260k, **options, max_total_tokens=160, max_running_requests=4)
    engine.submit(*(generate(index, prompt, **sampling) for index, prompt in enumerate(asked)))
    engine.finish()
    assert sum(answer.retractions for answer in engine.answers.values()) > 0
    assert [engine.answers[index].tokens for index in range(4)] == alone


@KINDS
def test_rounding_costs_a_trained_model_little(stories260k: Path, kind: KvStorage) -> None:
    story = [1, *LocalEngine.load(stories260k).ask([1], max_new_tokens=120).tokens]
    asked = {"max_new_tokens": 0, "logprobs": LogprobRequest(output=True, prompt_start=1)}
    found = []
    for dtype in (None, kind):
        answer = LocalEngine.load(stories260k, kv_cache_dtype=dtype).ask(story, **asked)
        assert answer.prompt_logprobs is not None
        found.append(np.array([entry.logprob for entry in answer.prompt_logprobs if entry is not None]))
    exact, rounded = found
    assert 0 < np.abs(rounded - exact).mean() < ROUNDED[kind]
    assert abs(rounded.mean() - exact.mean()) < ROUNDED[kind] / 2
