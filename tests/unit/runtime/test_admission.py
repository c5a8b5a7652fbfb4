from __future__ import annotations

from typing import Any

import pytest

from sgl.errors import ContextLengthExceeded, RequestError
from sgl.protocol.messages import LogprobRequest
from sgl.protocol.sampling import SamplingParams
from sgl.runtime.admission import resolve_sampling
from sgl.runtime.generation import GenerateSpec
from tests.fakes import fake_info

INFO = fake_info(vocab_size=512, max_model_len=100, max_request_tokens=80)


def spec(prompt_tokens: int = 10, logprobs: LogprobRequest | None = None, **sampling: Any) -> GenerateSpec:
    return GenerateSpec([5] * prompt_tokens, SamplingParams(**sampling), logprobs or LogprobRequest())


def test_what_fits_is_taken_as_it_is() -> None:
    asked = spec(max_new_tokens=70)
    assert resolve_sampling(asked, INFO) is asked.sampling


def test_without_a_limit_the_context_is_filled() -> None:
    assert resolve_sampling(spec(max_new_tokens=None), INFO).max_new_tokens == 70
    assert resolve_sampling(spec(79, max_new_tokens=None), INFO).max_new_tokens == 1


@pytest.mark.parametrize(
    ("prompt_tokens", "max_new_tokens", "words"),
    [
        (10, 91, "maximum context length is 100 tokens. However, you requested 101 tokens (10 in the prompt, 91 in"),
        (101, 0, "maximum context length is 100 tokens. However, you requested 101 tokens (101 in the prompt, 0 in"),
        (10, 71, "KV pool of this server holds 80 tokens of one request. However, you requested 81 tokens"),
        (80, None, "you requested 81 tokens (80 in the prompt, 1 in the completion)"),
    ],
)
def test_what_cannot_fit_is_refused_with_the_numbers(
    prompt_tokens: int, max_new_tokens: int | None, words: str
) -> None:
    with pytest.raises(ContextLengthExceeded) as caught:
        resolve_sampling(spec(prompt_tokens, max_new_tokens=max_new_tokens), INFO)
    assert words in caught.value.message
    assert (caught.value.http_status, caught.value.code) == (400, "context_length_exceeded")


def test_min_new_tokens_beyond_the_context_is_refused() -> None:
    with pytest.raises(ContextLengthExceeded, match="71 in the completion"):
        resolve_sampling(spec(max_new_tokens=None, min_new_tokens=71), INFO)


def test_a_prompt_that_only_is_computed_may_fill_the_pool() -> None:
    assert resolve_sampling(spec(80, max_new_tokens=0), INFO).max_new_tokens == 0


@pytest.mark.parametrize("prompt_ids", [[], [512], [-1], [3, 2**31, 4]])
def test_prompts_the_model_cannot_read_are_refused(prompt_ids: list[int]) -> None:
    with pytest.raises(RequestError) as caught:
        resolve_sampling(GenerateSpec(prompt_ids, SamplingParams(max_new_tokens=1)), INFO)
    assert (caught.value.param, caught.value.code) == ("prompt", "invalid_value")


@pytest.mark.parametrize(
    ("logprobs", "param"),
    [
        (LogprobRequest(output=True, top=21), "top_logprobs"),
        (LogprobRequest(output=True, top=-1), "top_logprobs"),
        (LogprobRequest(output=True, token_ids=(1, 512)), "token_ids_logprob"),
        (LogprobRequest(output=True, prompt_start=0, token_ids=(1,) * 200_000), "logprobs"),
    ],
)
def test_log_probabilities_have_bounds(logprobs: LogprobRequest, param: str) -> None:
    with pytest.raises(RequestError) as caught:
        resolve_sampling(spec(logprobs=logprobs), INFO)
    assert caught.value.param == param


def test_a_sampling_parameter_out_of_range_is_named() -> None:
    with pytest.raises(RequestError) as caught:
        resolve_sampling(spec(temperature=float("nan")), INFO)
    assert caught.value.param == "temperature"
