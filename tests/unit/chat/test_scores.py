"""Probabilities of tokens, and the time in the queue, as servers say them."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from sgl_cli.chat.client.decoder import Decoder
from sgl_cli.chat.client.endpoint import Endpoint
from sgl_cli.chat.client.events import Event, Finished, ScoredToken, TextDelta, TokenScores, Usage
from sgl_cli.chat.client.http import ChatClient
from sgl_cli.chat.oneshot.output import event_document
from sgl_cli.chat.session.open import Choice, open_session
from sgl_cli.chat.session.reply import Reply
from sgl_cli.chat.session.writer import Writer
from sgl_cli.chat.store.chat_store import ChatStore
from tests.fake_openai import Answer, FakeOpenAI, piece
from tests.live import live


def entry(token: Any, logprob: Any, *top: Any) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": None, "top_logprobs": list(top)}


def scored(text: str, *entries: Any) -> dict[str, Any]:
    """A chunk with a piece of text and its tokens."""
    chunk = piece(content=text)
    chunk["choices"][0]["logprobs"] = {"content": list(entries), "refusal": None}
    return chunk


def read(chunk: Any) -> list[Event]:
    return Decoder().line(f"data: {json.dumps(chunk)}")[1:]


def test_tokens_come_with_their_alternatives_the_likeliest_first() -> None:
    tokens = scored("Hi", entry("Hi", -0.5, entry("Ho", -2), entry("Hi", -0.5)))
    assert read(tokens) == [TextDelta("Hi"), TokenScores((ScoredToken("Hi", -0.5, (("Hi", -0.5), ("Ho", -2.0))),))]


@pytest.mark.parametrize(
    ("logprob", "shown"), [(-9999, -9999.0), (float("-inf"), -9999.0), (1e-7, 0.0), (0, 0.0), (-(10**20), -9999.0)]
)
def test_numbers_are_between_never_and_always(logprob: float, shown: float) -> None:
    assert read(scored("", entry("a", logprob))) == [TokenScores((ScoredToken("a", shown),))]


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        7,
        [],
        {},
        {"content": None},
        {"content": {"token": "a"}},
        {"content": [None, 3, {}, entry("a", None), entry(None, -1), entry("a", "x"), entry("a", True)]},
        {"content": [entry("a", float("nan")), entry("a", -(10**400))]},
    ],
)
def test_what_is_no_probability_is_left_out(logprobs: Any) -> None:
    chunk = piece(content="a")
    chunk["choices"][0]["logprobs"] = logprobs
    assert read(chunk) == [TextDelta("a")]


def test_junk_among_the_alternatives_is_left_out() -> None:
    odd = {**entry("a", -1), "top_logprobs": [None, entry("b", -2), entry("c", None)]}
    assert read(scored("", odd)) == [TokenScores((ScoredToken("a", -1.0, (("b", -2.0),)),))]
    assert read(scored("", {**entry("a", -1), "top_logprobs": None})) == [TokenScores((ScoredToken("a", -1.0),))]


def test_a_session_asks_for_them_and_a_reply_collects_them(
    store: ChatStore, client: ChatClient, endpoint: FakeOpenAI
) -> None:
    endpoint.script = [Answer([scored("A", entry("A", -1)), scored("B", entry("B", -2)), piece("stop")])]
    session = open_session(store, client, "served", Choice())
    list(session.ask("Hi"))
    assert not {"logprobs", "top_logprobs", "tools"} & endpoint.requests[0].keys()
    session.logprobs = 5
    events = list(session.ask("Hi"))
    assert (endpoint.requests[1]["logprobs"], endpoint.requests[1]["top_logprobs"]) == (True, 5)
    assert session.reply is not None
    assert session.reply.scores == [ScoredToken("A", -1.0), ScoredToken("B", -2.0)]
    assert (session.reply.text, session.reply.output_tokens) == ("AB", 2)
    assert json.loads(json.dumps(list(map(event_document, events))))[2] == {
        "type": "scores",
        "tokens": [{"text": "A", "logprob": -1.0, "alternatives": []}],
    }


def test_text_on_a_terminal_is_the_same_with_them() -> None:
    out = io.StringIO()
    writer = Writer(out, io.StringIO(), reasoning=True)
    for event in read(scored("Hi", entry("Hi", -1))):
        writer.show(event)
    writer.close()
    assert out.getvalue() == "Hi\n"


@pytest.mark.parametrize(
    ("chunk", "queue_ms"),
    [
        ({"usage": {}, "timings": {"queue_ms": 12.5}}, 12.5),
        ({"usage": {"queue_time": 0.25}}, 250.0),
        ({"usage": {}, "time_info": {"queue_time": 0.5}}, 500.0),
        ({"usage": {"queue_time": "long"}, "timings": {"queue_ms": -1}, "time_info": 3}, None),
        ({"usage": {}, "timings": {"queue_ms": float("inf")}}, None),
    ],
)
def test_the_time_in_the_queue_is_kept_with_the_figures(chunk: dict[str, Any], queue_ms: float | None) -> None:
    (usage,) = read({"choices": [], **chunk})
    assert usage == Usage(None, None, queue_ms=queue_ms)
    reply = Reply("m")
    reply.add(usage)
    assert reply.figures.queue_ms == queue_ms


@pytest.mark.parametrize("stream", [True, False])
def test_our_server_says_both(stream: bool) -> None:
    with live() as server, ChatClient(Endpoint(server.url)) as client:
        request = {"model": client.models()[0], "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3}
        events = list(client.ask({**request, "logprobs": True, "top_logprobs": 2}, stream=stream))
    tokens = [token for event in events if isinstance(event, TokenScores) for token in event.tokens]
    assert [len(token.alternatives) for token in tokens] == [2, 2, 2]
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert "".join(token.text for token in tokens).strip() == text.strip()
    assert Finished("length") in events
    (usage,) = [event for event in events if isinstance(event, Usage)]
    assert usage.queue_ms == 1.0  # The fake engine's.
