"""/tokenize and /detokenize."""

from __future__ import annotations

from typing import Any

import pytest

from tests.serving import serving, stories_tokenizer

MESSAGES = [{"role": "user", "content": "Once upon a time"}]


@pytest.mark.parametrize("path", ["/tokenize", "/v1/tokenize"])
async def test_text_becomes_ids(path: str) -> None:
    async with serving() as server:
        body = (await server.post(path, {"model": "stories260k", "prompt": "Once upon"})).json()
        plain = (await server.post(path, {"prompt": "Once upon", "add_special_tokens": False})).json()
    ids = stories_tokenizer().encode("Once upon")
    assert body == {"tokens": ids, "count": len(ids), "max_model_len": 512}
    assert plain["tokens"] == stories_tokenizer().encode("Once upon", add_special_tokens=False) != ids


async def test_list_of_texts_becomes_lists() -> None:
    async with serving() as server:
        body = (await server.post("/tokenize", {"prompt": ["Once", "upon a time"]})).json()
    assert body["tokens"] == [stories_tokenizer().encode("Once"), stories_tokenizer().encode("upon a time")]
    assert body["count"] == list(map(len, body["tokens"]))


async def test_messages_go_through_the_chat_template() -> None:
    async with serving() as server:
        body = (await server.post("/tokenize", {"messages": MESSAGES})).json()
        answer = await server.chat("Once upon a time")
    assert body["tokens"] == await stories_tokenizer().encode_chat(MESSAGES)
    assert body["count"] == answer.json()["usage"]["prompt_tokens"]


@pytest.mark.parametrize("path", ["/detokenize", "/v1/detokenize"])
async def test_ids_become_text(path: str) -> None:
    ids = stories_tokenizer().encode("Once upon a time")
    async with serving() as server:
        assert (await server.post(path, {"tokens": ids})).json() == {"text": stories_tokenizer().decode(ids)}
        both = (await server.post(path, {"tokens": [ids, [300]]})).json()
        special = (await server.post(path, {"tokens": ids, "skip_special_tokens": False})).json()
        assert (await server.post(path, {"tokens": []})).json() == {"text": ""}
    assert both["text"] == [stories_tokenizer().decode(ids), stories_tokenizer().decode([300])]
    assert special["text"].startswith("<s>")


async def test_long_lists_are_decoded_all_the_same() -> None:
    async with serving() as server:
        body = (await server.post("/detokenize", {"tokens": [300] * 20000})).json()
    assert body["text"] == stories_tokenizer().decode([300] * 20000)


@pytest.mark.parametrize(
    ("path", "body", "param", "code"),
    [
        ("/tokenize", {}, "prompt", "missing_required_parameter"),
        ("/tokenize", {"prompt": "a", "messages": MESSAGES}, "prompt", "missing_required_parameter"),
        ("/tokenize", {"prompt": 1}, "prompt", "invalid_type"),
        ("/tokenize", {"prompt": []}, "prompt", "empty_array"),
        ("/tokenize", {"prompt": ["a", 1]}, "prompt[1]", "invalid_type"),
        ("/tokenize", {"messages": []}, "messages", "empty_array"),
        ("/tokenize", {"messages": MESSAGES, "tools": [{}]}, "tools", "unsupported_parameter"),
        (
            "/tokenize",
            {"messages": MESSAGES, "chat_template_kwargs": {"messages": []}},
            "chat_template_kwargs",
            "invalid_value",
        ),
        ("/detokenize", {}, "tokens", "missing_required_parameter"),
        ("/detokenize", {"tokens": "a"}, "tokens", "invalid_type"),
        ("/detokenize", {"tokens": [512]}, "tokens[0]", "invalid_value"),
        ("/detokenize", {"tokens": [[1], 2]}, "tokens[1]", "invalid_type"),
        ("/detokenize", {"tokens": [[1], [1.5]]}, "tokens[1][0]", "invalid_type"),
    ],
)
async def test_bad_bodies_are_refused(path: str, body: dict[str, Any], param: str, code: str) -> None:
    async with serving() as server:
        answer = await server.post(path, body)
    error = answer.json()["error"]
    assert (answer.status, error["param"], error["code"]) == (400, param, code)
