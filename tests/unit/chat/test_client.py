"""Answers of any OpenAI endpoint as events, and every way in which one can fail."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from sgl.errors import UsageError
from sgl_cli.chat.client.endpoint import Endpoint, base_url
from sgl_cli.chat.client.events import (
    Began,
    Event,
    Finished,
    ReasoningDelta,
    Replaced,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from sgl_cli.chat.client.failures import ChatError, NoServer, NotAnApi, Refused
from sgl_cli.chat.client.http import ChatClient
from tests.fake_openai import CUT, Answer, FakeOpenAI, piece, said

REQUEST = {"model": "served", "messages": [{"role": "user", "content": "hi"}]}


def ask(client: ChatClient, *, stream: bool = True) -> list[Event]:
    return list(client.ask(REQUEST, stream=stream))


def test_a_stream_is_read_piece_by_piece(client: ChatClient, endpoint: FakeOpenAI) -> None:
    assert ask(client) == [
        Began("served"),
        TextDelta("Hello"),
        TextDelta(" there."),
        Finished("stop"),
        Usage(12, 2, 8),
    ]
    assert endpoint.requests == [{**REQUEST, "stream": True, "stream_options": {"include_usage": True}}]


def test_a_whole_answer_gives_the_same_events(client: ChatClient, endpoint: FakeOpenAI) -> None:
    message = {"role": "assistant", "content": "Hello", "reasoning_content": "Hm"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    endpoint.script = [Answer(body={"model": "m", "choices": [choice], "usage": {"prompt_tokens": 3}})]
    expected = [Began("m"), ReasoningDelta("Hm"), TextDelta("Hello"), Finished("stop"), Usage(3, None)]
    assert ask(client, stream=False) == expected
    assert ask(client) == expected  # A server that cannot stream sends it even when asked for pieces.
    assert [request["stream"] for request in endpoint.requests] == [False, True]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_has_two_names(name: str, client: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([piece(**{name: "Hm"}), piece(content="<think>is text</think>"), piece("stop")])]
    assert ask(client)[1:] == [ReasoningDelta("Hm"), TextDelta("<think>is text</think>"), Finished("stop")]


def test_reasoning_in_tags_is_parted_from_the_answer(client: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.script = [said("<thi", "nk>Hm", ".</think>\n\nYe", "s")]
    events = ask(client)
    assert "".join(event.text for event in events if isinstance(event, ReasoningDelta)) == "Hm."
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Yes"


def test_a_lone_closing_tag_says_that_all_before_was_reasoning(client: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.script = [said("Hm.\n", "</think>\n", "Yes")]
    assert [event for event in ask(client) if isinstance(event, Replaced)] == [Replaced("Hm.", "")]


def test_tool_calls_come_in_pieces(client: ChatClient, endpoint: FakeOpenAI) -> None:
    first = {"index": 0, "id": "c1", "type": "function", "function": {"name": "add", "arguments": ""}}
    more = {"index": 0, "function": {"arguments": "{}"}}
    endpoint.script = [Answer([piece(tool_calls=[first]), piece(tool_calls=[more]), piece("tool_calls")])]
    calls = [event for event in ask(client) if isinstance(event, ToolCallDelta)]
    assert calls == [ToolCallDelta(0, "c1", "add", ""), ToolCallDelta(0, "", "", "{}")]


def test_comments_other_fields_and_a_missing_end_mark_do_not_matter(client: ChatClient, endpoint: FakeOpenAI) -> None:
    pieces: list[Any] = [": ping", "event: message", "data:{}", piece(content="Hi"), piece("stop")]
    endpoint.script = [Answer(pieces, done=False)]
    assert ask(client)[1:] == [TextDelta("Hi"), Finished("stop")]


def test_values_of_a_wrong_type_are_left_out(client: ChatClient, endpoint: FakeOpenAI) -> None:
    wrong = {"model": 5, "choices": [7, {"delta": {"content": 3}}], "usage": {"prompt_tokens": "many"}}
    endpoint.script = [Answer([wrong, piece(content="Hi"), piece("stop"), {"choices": None, "usage": None}])]
    assert ask(client) == [Began(""), Usage(None, None), TextDelta("Hi"), Finished("stop")]


def test_an_endpoint_without_stream_options_is_asked_again(client: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer(status=400, body={"error": {"message": "unknown field stream_options"}}), said("Hi")]
    assert TextDelta("Hi") in ask(client)
    assert "stream_options" not in endpoint.requests[1]


@pytest.mark.parametrize(
    ("status", "body", "message", "hint"),
    [
        (400, {"error": {"message": "too\nlong"}}, "the server refuses the request: too long", None),
        (400, {"detail": "no such field"}, "the server refuses the request: no such field", None),
        (400, {"object": "error", "message": "older"}, "the server refuses the request: older", None),
        (418, "", "the server refuses the request (418)", None),
        (403, {"error": "no"}, "{url} asks for a key: no", "give it with --api-key KEY or in SGL_API_KEY"),
        (404, "<html>", "{url} has no chat completions or no model 'served'", "--url takes the base address"),
        (429, {"error": {"message": "slow down"}}, "the server takes no request now: slow down", "try again in 7 s"),
        (503, {"error": {"message": "full"}}, "the server takes no request now: full", "try again in 7 s"),
        (500, "a\x1b[31mb", "the server failed with status 500: ab", None),
        (307, "", "{url} sends requests elsewhere (status 307)", "give the address"),
    ],
)
def test_a_refusal_says_why(
    status: int, body: Any, message: str, hint: str | None, client: ChatClient, endpoint: FakeOpenAI
) -> None:
    endpoint.script = [Answer(status=status, body=body, headers={"retry-after": "7"})]
    with pytest.raises(Refused) as caught:
        ask(client)
    assert caught.value.message == message.replace("{url}", endpoint.url)
    assert (caught.value.hint or "").startswith(hint or "")
    assert (caught.value.hint is None) == (hint is None)


def test_a_wrong_key_and_an_unknown_model(endpoint: FakeOpenAI) -> None:
    endpoint.key, endpoint.models = "right", ["a", "b"]
    with ChatClient(Endpoint(endpoint.url, "wrong")) as client, pytest.raises(Refused, match="refuses the key: Incorr"):
        client.models()
    endpoint.script = [Answer(status=404, body={"error": {"message": "no model"}})]
    with ChatClient(Endpoint(endpoint.url, "right")) as client:
        assert client.models() == ("a", "b")
        with pytest.raises(Refused, match="there is no model 'served'") as caught:
            ask(client)
    assert caught.value.hint == "it has: a, b"


@pytest.mark.parametrize("before", [[], [piece(content="Hel")]])
def test_a_stream_that_is_cut_is_an_error_after_what_came(
    before: list[Any], client: ChatClient, endpoint: FakeOpenAI
) -> None:
    endpoint.script = [Answer([*before, CUT])]
    events: list[Event] = []
    with pytest.raises(ChatError, match="closed the connection in the middle of the answer"):
        events.extend(client.ask(REQUEST))
    assert events == ([Began("served"), TextDelta("Hel")] if before else [])


def test_an_error_inside_a_stream(client: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([piece(content="Hel"), {"error": {"message": "out of memory"}}])]
    with pytest.raises(Refused, match="the server failed while it answered: out of memory"):
        ask(client)


def test_silence_ends_in_an_error(client: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([piece(content="Hel"), 1.5, piece("stop")])]
    with pytest.raises(ChatError, match=r"has said nothing for 0\.5 s"):
        ask(client)


@pytest.mark.parametrize(
    "answer", [Answer(body="<html>hi</html>"), Answer(["data: {oops"]), Answer(body=[1]), Answer(body={"ok": 1})]
)
def test_what_is_no_openai_api(answer: Answer, client: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.script = [answer]
    with pytest.raises(NotAnApi, match="is not of OpenAI's API"):
        ask(client)


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with ChatClient(Endpoint(url)) as client, pytest.raises(NoServer, match=r"cannot reach .*: connection refused"):
            client.models()


def test_closing_the_events_closes_the_request(client: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([piece(content="a"), *[0.05, piece(content="b")] * 20]), said("next")]
    events = client.ask(REQUEST)
    assert [next(events), next(events)] == [Began("served"), TextDelta("a")]
    events.close()  # type: ignore[attr-defined]
    assert TextDelta("next") in ask(client)


def test_a_text_that_is_not_unicode_is_sent_all_the_same(client: ChatClient, endpoint: FakeOpenAI) -> None:
    assert list(client.ask({**REQUEST, "stop": "\udcff"}))
    assert endpoint.requests[0]["stop"] == "\udcff"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("localhost:30000", "http://localhost:30000/v1"),
        ("http://h", "http://h/v1"),
        ("https://h/v1/", "https://h/v1"),
        ("https://h/api/v1", "https://h/api/v1"),
        ("http://h:1/v1/chat/completions", "http://h:1/v1"),
        ("[::1]:30000", "http://[::1]:30000/v1"),
    ],
)
def test_an_address_as_people_type_it(text: str, url: str) -> None:
    assert base_url(text, "--url") == url


@pytest.mark.parametrize("text", ["", "ftp://h", "h:port", "http://", "http://h:99999", "http://[", "h\x1b[31m"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="--url expects the address of a server"):
        base_url(text, "--url")


def test_a_key_that_no_header_can_carry() -> None:
    with pytest.raises(UsageError) as caught:
        Endpoint("http://h/v1", "gehe\u00efm")
    assert "gehe" not in caught.value.message
