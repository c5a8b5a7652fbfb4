"""The official SDK, over a real connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.fakes import FakeEngine
from tests.live import Live, live
from tests.serving import MODEL

USER: list[Any] = [{"role": "user", "content": "Once upon a time"}]


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    with live(lambda: FakeEngine(step_delay=0.001)) as running:
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as sdk:
        yield sdk


def test_chat(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=USER, max_tokens=8, logprobs=True, top_logprobs=2, n=2
    )
    assert len(answer.choices) == 2
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "length"
    assert answer.choices[0].logprobs is not None
    assert answer.choices[0].logprobs.content is not None
    assert len(answer.choices[0].logprobs.content) == 8
    assert answer.usage is not None
    assert answer.usage.prompt_tokens_details is not None
    assert answer._request_id


def test_chat_stream_equals_the_whole_answer(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=USER, max_tokens=8)
    stream = client.chat.completions.create(
        model=MODEL, messages=USER, max_tokens=8, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole.choices[0].message.content
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_the_sdks_own_fold_of_a_stream(client: openai.OpenAI) -> None:
    content = client.chat.completions.create(model=MODEL, messages=USER, max_tokens=20).choices[0].message.content
    assert content is not None
    fields: dict[str, Any] = {
        "model": MODEL,
        "messages": USER,
        "max_tokens": 20,
        "stop": content[-3:],
        "logprobs": True,
    }
    whole = client.chat.completions.create(**fields)
    with client.chat.completions.stream(**fields) as stream:
        folded = stream.get_final_completion()
    assert folded.choices[0].message.content == whole.choices[0].message.content
    assert folded.choices[0].finish_reason == "stop"
    assert folded.choices[0].logprobs is not None
    assert whole.choices[0].logprobs is not None
    assert folded.choices[0].logprobs.content == whole.choices[0].logprobs.content


def test_completions(client: openai.OpenAI) -> None:
    whole = client.completions.create(model=MODEL, prompt="Once", max_tokens=8, logprobs=2, echo=True)
    assert whole.choices[0].text.startswith("Once")
    assert whole.choices[0].logprobs is not None
    stream = client.completions.create(model=MODEL, prompt="Once", max_tokens=8, stream=True)
    plain = client.completions.create(model=MODEL, prompt=[1, 403], max_tokens=8)
    assert "".join(chunk.choices[0].text for chunk in stream) == plain.choices[0].text
    batch = client.completions.create(model=MODEL, prompt=["Once", "Once"], max_tokens=8)
    assert [choice.text for choice in batch.choices] == [plain.choices[0].text] * 2


def test_errors_are_the_sdks_own_exceptions(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        client.chat.completions.create(model=MODEL, messages=USER, temperature=3)
    assert (bad.value.code, bad.value.param, bad.value.type) == (
        "decimal_above_max_value",
        "temperature",
        "invalid_request_error",
    )
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="gpt-4", messages=USER)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as streamed:
        client.chat.completions.create(model=MODEL, messages=USER, max_tokens=100_000, stream=True)
    assert streamed.value.code == "context_length_exceeded"


def test_leaving_a_stream_frees_the_request(client: openai.OpenAI, server: Live) -> None:
    with client.chat.completions.create(model=MODEL, messages=USER, max_tokens=400, stream=True) as stream:
        next(iter(stream))
    again = client.chat.completions.create(model=MODEL, messages=USER, max_tokens=1)
    assert again.choices[0].finish_reason == "length"
    assert server.client.in_flight == 0
    assert server.engine.running == 0


async def test_async_client(server: Live) -> None:
    async with openai.AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0) as sdk:
        whole = await sdk.chat.completions.create(model=MODEL, messages=USER, max_tokens=8)
        stream = await sdk.chat.completions.create(model=MODEL, messages=USER, max_tokens=8, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        assert text == whole.choices[0].message.content


def test_a_wrong_key_is_an_authentication_error() -> None:
    with live(api_keys=("sk-right",)) as running:
        for key in ("sk-wrong", "sk-right"):
            with openai.OpenAI(base_url=running.url, api_key=key, max_retries=0) as sdk:
                if key == "sk-wrong":
                    with pytest.raises(openai.AuthenticationError) as refused:
                        sdk.chat.completions.create(model=MODEL, messages=USER)
                    assert refused.value.code == "invalid_api_key"
                else:
                    sdk.chat.completions.create(model=MODEL, messages=USER, max_tokens=1)


def test_a_body_over_the_limit_reaches_the_sdk_as_413() -> None:
    with (
        live(max_body_bytes=100_000) as running,
        openai.OpenAI(base_url=running.url, api_key="none", max_retries=0) as sdk,
        pytest.raises(openai.APIStatusError) as refused,
    ):
        sdk.completions.create(model=MODEL, prompt="x" * 8_000_000)
    assert refused.value.status_code == 413
