"""The engine for GPUs, its kernels interpreted, says what the one for CPUs says."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig, LlamaForCausalLM

from sgl.protocol.messages import LogprobRequest
from tests.harness import Answer, LocalEngine, generate
from tests.zoo.families import make_checkpoint
from tests.zoo.family import Family
from tests.zoo.interpreted import CAPTURED, answers, check_equal, interpreted

TINY = LlamaConfig(
    vocab_size=96,
    hidden_size=32,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    max_position_embeddings=64,
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random Llama of two layers."""
    folder = tmp_path_factory.mktemp("tiny")
    make_checkpoint(Family("tiny", lambda: LlamaForCausalLM(TINY)), folder)
    return folder


@pytest.fixture(scope="module")
def wanted(tiny: Path) -> list[Answer]:
    """What the engine for CPUs says."""
    return answers(tiny)


@pytest.mark.parametrize(
    "options",
    [{"cuda_graph_max_bs": CAPTURED}, {"cuda_graph_max_bs": 0, "overlap": False}, {"deterministic": True}],
    ids=["graphs, overlapped", "one by one", "deterministic"],
)
def test_tokens_and_logprobs_are_those_of_the_cpu(tiny: Path, wanted: list[Answer], options: dict[str, Any]) -> None:
    check_equal(interpreted(tiny, **options), wanted)


@pytest.mark.usefixtures("unwarmed")
@pytest.mark.parametrize("storage", ["int8", "fp8_e4m3"])
def test_a_cache_of_8_bits_is_that_of_the_cpu(tiny: Path, wanted: list[Answer], storage: str) -> None:
    got, same = interpreted(tiny, kv_cache_dtype=storage), answers(tiny, kv_cache_dtype=storage)
    check_equal(got, same)
    full = [entry.logprob for answer in wanted for entry in answer.logprobs]
    assert [entry.logprob for answer in got for entry in answer.logprobs] != pytest.approx(full, abs=1e-4)


def asked_in_every_way(folder: Path, **options: Any) -> list[Answer]:
    """A prompt that repeats itself, the same one again with draws, and beside it another, and prompt tokens scored."""
    prompt = [5, 9, 70, 33, 5, 9, 70, 33, 5, 9, 70]
    few = {"max_total_tokens": 64, "page_size": 4, "chunked_prefill_size": 12, "max_running_requests": 2}
    engine = LocalEngine.load(
        folder, **{"dtype": "float32", "speculative": "ngram", "draft_tokens": 3, **few, **options}
    )
    engine.ask(prompt, max_new_tokens=4, ignore_eos=True)
    warm = {"temperature": 0.9, "top_p": 0.9, "frequency_penalty": 0.7, "seed": 3}
    hot = {"temperature": 1.2, "top_k": 20, "min_p": 0.01, "repetition_penalty": 1.2, "seed": 5}
    engine.submit(
        generate(10, [*prompt, 8], max_new_tokens=3, ignore_eos=True, logprobs=LogprobRequest(output=True), **warm),
        generate(11, [9, 70, 2], max_new_tokens=4, ignore_eos=True, **hot),
    )
    engine.finish()
    engine.ask(prompt[:6], max_new_tokens=1, logprobs=LogprobRequest(output=True, prompt_start=0))
    return list(engine.answers.values())


@pytest.mark.usefixtures("unwarmed")
def test_draws_guesses_scores_and_cached_prefixes_are_those_of_the_cpu(tiny: Path) -> None:
    got = asked_in_every_way(tiny, attention_backend="triton", cuda_graph_max_bs=CAPTURED)
    wanted = asked_in_every_way(tiny)
    assert [answer.tokens for answer in got] == [answer.tokens for answer in wanted]
    assert [answer.cached_tokens for answer in got] == [answer.cached_tokens for answer in wanted]
    assert wanted[1].cached_tokens > 0
    scored = [[*answer.logprobs, *(answer.prompt_logprobs or [])] for answer in got]
    expected = [[*answer.logprobs, *(answer.prompt_logprobs or [])] for answer in wanted]
    assert [len(answer) for answer in expected] == [0, 3, 0, 7]
    for mine, theirs in zip(chain(*scored), chain(*expected), strict=True):
        assert (mine is None) == (theirs is None)
        assert mine is None or theirs is None or mine.logprob == pytest.approx(theirs.logprob, abs=1e-4)
