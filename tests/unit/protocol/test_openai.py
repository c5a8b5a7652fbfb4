"""Bodies of the two OpenAI routes as typed requests."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from sgl.errors import RequestError, UnsupportedParameter
from sgl.protocol.messages import LogprobRequest
from sgl.protocol.openai import ChatRequest, CompletionRequest, read_chat, read_completion
from sgl.protocol.sampling import SamplingParams
from sgl.protocol.unsupported import UNSUPPORTED


def chat(**fields: Any) -> ChatRequest:
    return read_chat({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields})


def completion(**fields: Any) -> CompletionRequest:
    return read_completion({"model": "m", "prompt": "hi", **fields})


def refused(read: Any, **fields: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        read(**fields)
    return caught.value


def test_chat_defaults_are_openais() -> None:
    request = chat()
    assert request.generating.sampling == SamplingParams(max_new_tokens=None)
    assert request.generating.choices == 1
    assert request.generating.logprobs == LogprobRequest()
    assert not request.generating.stream
    assert request.add_generation_prompt
    assert not request.continue_final_message


def test_completion_defaults_are_openais() -> None:
    request = completion()
    assert request.generating.sampling == SamplingParams(max_new_tokens=16)
    assert request.prompts == ["hi"]
    assert not request.echo


def test_every_sampling_field_arrives() -> None:
    request = chat(
        max_tokens=9,
        min_tokens=2,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        min_p=0.1,
        presence_penalty=-2,
        frequency_penalty=2,
        repetition_penalty=1.1,
        logit_bias={"5": -100, "7": 1.5},
        stop=["a", "b"],
        stop_token_ids=[3],
        ignore_eos=True,
        seed=-5,
        skip_special_tokens=False,
        spaces_between_special_tokens=False,
        no_stop_trim=True,
    )
    assert request.generating.sampling == SamplingParams(
        max_new_tokens=9,
        min_new_tokens=2,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        min_p=0.1,
        presence_penalty=-2.0,
        frequency_penalty=2.0,
        repetition_penalty=1.1,
        logit_bias={5: -100.0, 7: 1.5},
        stop=("a", "b"),
        stop_token_ids=(3,),
        ignore_eos=True,
        seed=-5,
        skip_special_tokens=False,
        spaces_between_special_tokens=False,
        no_stop_trim=True,
    )


def test_extensions_arrive() -> None:
    request = chat(
        n=3, rid="mine", cache_salt="s", extra_key="e", priority=-1, chat_template_kwargs={"enable_thinking": False}
    )
    assert request.generating.choices == 3
    assert request.generating.rid == "mine"
    assert request.generating.cache_salts == ("s", "e")
    assert request.generating.priority == -1
    assert request.template_kwargs == {"enable_thinking": False}


def test_both_names_of_the_token_limit() -> None:
    assert chat(max_completion_tokens=5).generating.sampling.max_new_tokens == 5
    assert chat(max_completion_tokens=5, max_tokens=5).generating.sampling.max_new_tokens == 5
    assert refused(chat, max_completion_tokens=5, max_tokens=6).param == "max_tokens"


def test_logprobs_in_both_routes() -> None:
    assert chat(logprobs=True, top_logprobs=20).generating.logprobs == LogprobRequest(output=True, top=20)
    assert chat(logprobs=True).generating.logprobs == LogprobRequest(output=True)
    assert completion(logprobs=0).generating.logprobs == LogprobRequest(output=True)
    assert completion(logprobs=5, echo=True).generating.logprobs == LogprobRequest(output=True, top=5, prompt_start=0)
    assert completion(echo=True).generating.logprobs == LogprobRequest()


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [
        ("a", ["a"]),
        ("", [""]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [[1, 2]]),
        ([[1, 2], [3]], [[1, 2], [3]]),
        ([[1, 2], "b"], [[1, 2], "b"]),
    ],
)
def test_shapes_of_prompts(prompt: object, prompts: list[object]) -> None:
    assert completion(prompt=prompt).prompts == prompts


@pytest.mark.parametrize(
    ("prompt", "param", "code"),
    [
        (None, "prompt", "missing_required_parameter"),
        ([], "prompt", "empty_array"),
        ([[]], "prompt[0]", "empty_array"),
        ([None], "prompt[0]", "invalid_type"),
        ([1, "a"], "prompt[1]", "invalid_type"),
        (["a", 1], "prompt[1]", "invalid_type"),
        ([[1], [1.5]], "prompt[1][0]", "invalid_type"),
        ([True], "prompt[0]", "invalid_type"),
        ([-1], "prompt[0]", "invalid_value"),
        (["a"] * 65, "prompt", "array_above_max_length"),
        ([[1]] * 65, "prompt", "array_above_max_length"),
        (7, "prompt", "invalid_type"),
    ],
)
def test_bad_prompts(prompt: object, param: str, code: str) -> None:
    error = refused(completion, prompt=prompt)
    assert (error.param, error.code) == (param, code)


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
def test_unsupported_fields_are_refused_unless_they_ask_for_nothing(name: str) -> None:
    for harmless in (None, *UNSUPPORTED[name]):
        chat(**{name: harmless})
    error = refused(chat, **{name: [{"type": "function"}]})
    assert isinstance(error, UnsupportedParameter)
    assert (error.param, error.code, error.http_status) == (name, "unsupported_parameter", 400)


def test_best_of_may_only_repeat_n() -> None:
    completion(best_of=None)
    completion(best_of=1)
    completion(best_of=4, n=4)
    assert refused(completion, best_of=3, n=2).code == "unsupported_parameter"


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"model": None}, "model", "missing_required_parameter"),
        ({"model": ""}, "model", "empty_string"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
        ({"top_logprobs": 2}, "top_logprobs", "invalid_value"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "integer_above_max_value"),
        ({"min_tokens": 5, "max_tokens": 4}, "min_tokens", "invalid_value"),
        ({"repetition_penalty": 0}, "repetition_penalty", "decimal_below_min_value"),
        ({"n": 17}, "n", "integer_above_max_value"),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        ({"max_tokens": 2**31}, "max_tokens", "integer_above_max_value"),
        ({"stop": ""}, "stop", "empty_string"),
        ({"stop": [""]}, "stop[0]", "empty_string"),
        ({"stop": ["a"] * 5}, "stop", "array_above_max_length"),
        ({"stop": "x" * 257}, "stop", "string_above_max_length"),
        ({"stop": [["a"]]}, "stop[0]", "invalid_type"),
        ({"stop": 1}, "stop", "invalid_type"),
        ({"stop_token_ids": [-1]}, "stop_token_ids[0]", "invalid_value"),
        ({"logit_bias": {"a": 1}}, "logit_bias", "invalid_value"),
        ({"logit_bias": {" 1": 1}}, "logit_bias", "invalid_value"),
        ({"logit_bias": {"²": 1}}, "logit_bias", "invalid_value"),
        ({"logit_bias": {"1": 101}}, "logit_bias.1", "decimal_above_max_value"),
        ({"logit_bias": {"1": None}}, "logit_bias.1", "invalid_type"),
        ({"logit_bias": {str(i): 1 for i in range(301)}}, "logit_bias", "object_above_max_properties"),
        ({"logit_bias": []}, "logit_bias", "invalid_type"),
        ({"user": "u" * 513}, "user", "string_above_max_length"),
        ({"rid": "a\nb"}, "rid", "invalid_value"),
        ({"rid": "é"}, "rid", "invalid_value"),
        ({"rid": "r" * 129}, "rid", "string_above_max_length"),
        ({"chat_template_kwargs": []}, "chat_template_kwargs", "invalid_type"),
        ({"continue_final_message": True}, "continue_final_message", "invalid_value"),
    ],
)
def test_chat_refusals(fields: dict[str, object], param: str, code: str) -> None:
    error = refused(chat, **fields)
    assert (error.param, error.code) == (param, code)


def test_continuing_the_last_message_takes_the_generation_prompt_away() -> None:
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Hello, I"}]
    request = chat(messages=messages, continue_final_message=True)
    assert request.continue_final_message
    assert not request.add_generation_prompt
    assert refused(chat, messages=messages, continue_final_message=True, add_generation_prompt=True)


def test_unknown_fields_are_logged_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="sgl"):
        chat(colour="red", user="me", metadata={"a": "b"}, store=True)
    assert "'colour'" in caplog.text
    assert "user" not in caplog.text
