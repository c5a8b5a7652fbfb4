"""Another answer, another question, the rest of an answer, results of tools: every way keeps what was there."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sgl.errors import UsageError
from sgl.ipc.token_ids import unpack_ids
from sgl_cli.chat.client.endpoint import Endpoint
from sgl_cli.chat.client.events import Event, TextDelta
from sgl_cli.chat.client.failures import ChatError, Refused
from sgl_cli.chat.client.http import ChatClient
from sgl_cli.chat.session.open import Choice, open_session
from sgl_cli.chat.session.session import Session
from sgl_cli.chat.store.chat_store import ChatStore
from sgl_cli.chat.store.messages import Message
from sgl_cli.chat.store.parts import Reasoning, Text, ToolCall, ToolResult
from tests.fake_openai import CUT, Answer, FakeOpenAI, piece, said
from tests.live import live
from tests.serving import stories_tokenizer

TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


@pytest.fixture
def session(store: ChatStore, client: ChatClient) -> Session:
    return open_session(store, client, "served", Choice(system="Be brief."))


def path(session: Session) -> list[Message]:
    return session.store.messages.path(session.thread.tip_hash)


def texts(session: Session) -> list[str]:
    return [message.text for message in path(session)]


def label(session: Session, hash: str) -> str:
    return session.store.messages.siblings(session.thread_id, hash).label


def contents(endpoint: FakeOpenAI) -> list[Any]:
    """What the last request said."""
    return [message["content"] for message in endpoint.requests[-1]["messages"]]


def calls(*ids: str) -> Answer:
    """An answer that calls a tool as often."""
    pieces = [
        {"index": index, "id": id, "function": {"name": "add", "arguments": "{}"}} for index, id in enumerate(ids)
    ]
    return Answer([piece(content="I add."), piece(tool_calls=pieces), piece("tool_calls")])


def test_another_answer_in_the_middle_of_a_conversation(session: Session, endpoint: FakeOpenAI) -> None:
    list(session.ask("Hi"))
    list(session.ask("And?"))
    old = path(session)[1]
    endpoint.script = [said("Hey.")]
    list(session.regenerate(old.hash))
    assert texts(session) == ["Hi", "Hey."]
    assert contents(endpoint) == ["Be brief.", "Hi"]
    assert label(session, old.hash) == "1/2"
    with pytest.raises(UsageError, match="only an answer can be given anew"):
        list(session.regenerate(path(session)[0].hash))
    list(session.answer(path(session)[0].hash))
    assert label(session, old.hash) == "1/3"
    with pytest.raises(UsageError, match="this is an answer itself"):
        list(session.answer(old.hash))


def test_when_no_other_answer_comes_the_old_one_stays(session: Session, endpoint: FakeOpenAI) -> None:
    list(session.ask("Hi"))
    endpoint.script = [Answer(status=503, body="full")]
    with pytest.raises(ChatError):
        list(session.regenerate(path(session)[1].hash))
    assert texts(session) == ["Hi", "Hello there."]


def test_a_question_is_said_differently(session: Session, endpoint: FakeOpenAI) -> None:
    list(session.ask("Hi"))
    list(session.ask("And?"))
    first, answer, second, _ = path(session)
    endpoint.script = [said("Or what.")]
    list(session.edit(second.hash, [Text("Or?")]))
    assert texts(session) == ["Hi", "Hello there.", "Or?", "Or what."]
    assert contents(endpoint) == ["Be brief.", "Hi", "Hello there.", "Or?"]
    list(session.edit(first.hash, "Hello"))
    assert texts(session) == ["Hello", "Or what."]
    assert label(session, path(session)[0].hash) == "2/2"
    with pytest.raises(UsageError, match="only what you said yourself can be edited"):
        list(session.edit(answer.hash, "No"))


def test_an_answer_goes_on_where_it_was_cut(session: Session, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([piece(reasoning_content="Hm."), piece(content="One, two"), piece("length")])]
    list(session.ask("Count"))
    old = path(session)[1]
    endpoint.script = [said(", three", ".")]
    events = list(session.resume(old.hash))
    assert [event.text for event in events if isinstance(event, TextDelta)] == [", three", "."]
    request = endpoint.requests[-1]
    assert request["messages"][-1] == {"role": "assistant", "content": "One, two"}
    assert (request["continue_final_message"], request["add_generation_prompt"]) == (True, False)
    new = path(session)[1]
    assert new.parts == (old.parts[0], Text("One, two, three."))
    assert isinstance(old.parts[0], Reasoning)
    assert (new.finish_reason, label(session, new.hash)) == ("stop", "2/2")
    assert session.reply is not None
    assert session.reply.text == ", three."
    turn = session.store.turns.of_message(new.hash)
    assert turn is not None
    assert turn.figures.output_tokens == 2


def test_the_rest_of_an_answer_that_is_cut_again_is_kept_with_what_was_there(
    session: Session, endpoint: FakeOpenAI
) -> None:
    list(session.ask("Hi"))
    endpoint.script = [Answer([piece(content=" And"), CUT])]
    with pytest.raises(ChatError, match="closed the connection"):
        list(session.resume(path(session)[1].hash))
    assert texts(session) == ["Hi", "Hello there. And"]
    assert session.message == path(session)[1]


@pytest.mark.parametrize("answer", [Answer([piece("stop")]), Answer(status=500, body="broken")])
def test_when_nothing_new_comes_there_is_no_second_answer(
    answer: Answer, session: Session, endpoint: FakeOpenAI
) -> None:
    list(session.ask("Hi"))
    endpoint.script = [answer]
    events = session.resume(path(session)[1].hash)
    if answer.status == 200:
        list(events)
    else:
        with pytest.raises(ChatError, match="broken"):
            list(events)
    assert session.message is None
    assert label(session, path(session)[1].hash) == ""


def test_an_answer_that_cannot_go_on(session: Session, endpoint: FakeOpenAI) -> None:
    endpoint.script = [
        Answer([piece(reasoning_content="Hm."), piece("length")]),
        calls("a"),
        Answer(status=400, body={"error": {"message": "Unrecognized argument: continue_final_message"}}),
        Answer(status=400, body={"error": {"message": "the prompt is too long"}}),
    ]
    list(session.ask("Hi"))
    with pytest.raises(UsageError, match="no text yet to go on with"):
        list(session.resume(path(session)[1].hash))
    list(session.retry())
    with pytest.raises(UsageError, match="calls tools"):
        list(session.resume(path(session)[1].hash))
    with pytest.raises(UsageError, match="only an answer"):
        list(session.resume(path(session)[0].hash))
    text = session.store.messages.append(session.thread_id, "assistant", "One")
    with pytest.raises(Refused, match="Unrecognized argument") as caught:
        list(session.resume(text.hash))
    assert "regenerate it" in (caught.value.hint or "")
    with pytest.raises(Refused, match="too long") as caught:
        list(session.resume(text.hash))
    assert caught.value.hint is None


def test_our_server_goes_on_with_an_answer(store: ChatStore) -> None:
    with live() as server, ChatClient(Endpoint(server.url)) as client:
        session = open_session(store, client, client.models()[0], Choice(options={"max_tokens": 4}))
        list(session.ask("Once upon a time"))
        old = path(session)[1]
        list(session.resume(old.hash))
        read = unpack_ids(server.engine.requests[1].input_ids)
    assert stories_tokenizer().decode(read).strip().endswith(f"Once upon a time {old.text}".strip())
    new = path(session)[1]
    assert new.text.startswith(old.text)
    assert len(new.text) > len(old.text)


def test_results_of_tools(session: Session, endpoint: FakeOpenAI) -> None:
    session.tools = [TOOL]
    endpoint.script = [calls("a", "b"), said("Three.")]
    with pytest.raises(UsageError, match="calls no tools"):
        list(session.give_results([]))
    list(session.ask("1 + 2?"))
    assert endpoint.requests[0]["tools"] == [TOOL]
    with pytest.raises(UsageError, match="one result for each call: 'a', 'b'"):
        list(session.give_results([ToolResult("a", "1")]))
    list(session.give_results([ToolResult("b", "2"), ToolResult("a", "1")]))
    assert [message.role for message in path(session)] == ["user", "assistant", "tool", "assistant"]
    asked, called, *results = endpoint.requests[1]["messages"][1:]
    assert (asked["role"], called["content"]) == ("user", "I add.")
    assert [call["id"] for call in called["tool_calls"]] == ["a", "b"]
    assert results == [
        {"role": "tool", "tool_call_id": "b", "content": "2"},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]
    assert isinstance(path(session)[1].parts[1], ToolCall)


def test_a_retry_after_results_of_tools_answers_them(session: Session, endpoint: FakeOpenAI) -> None:
    endpoint.script = [calls("a"), Answer(status=503, body="full"), said("Three.")]
    list(session.ask("1 + 2?"))
    with pytest.raises(ChatError):
        list(session.give_results([ToolResult("a", "3")]))
    list(session.retry())
    assert texts(session)[-1] == "Three."
    assert endpoint.requests[2]["messages"] == endpoint.requests[1]["messages"]


def test_the_messages_of_the_branch_that_is_shown(session: Session, endpoint: FakeOpenAI) -> None:
    list(session.ask("Hi"))
    assert [message["role"] for message in session.request_messages()] == ["system", "user", "assistant"]
    list(session.ask("And?"))
    assert endpoint.requests[-1]["messages"] == session.request_messages()[:-1]


def test_stop_from_another_thread_keeps_what_had_come(store: ChatStore, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([piece(content="Hel"), 60.0, piece("stop")])]
    with ChatClient(Endpoint(endpoint.url)) as client:
        session = open_session(store, client, "served", Choice())
        seen: list[Event] = []
        came = threading.Event()

        def read() -> None:
            for event in session.ask("Hi"):
                seen.append(event)
                if event == TextDelta("Hel"):
                    came.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert came.wait(5)
        session.stop()
        reader.join(5)
        assert not reader.is_alive()
    assert session.message is not None
    assert (session.message.text, session.message.finish_reason) == ("Hel", "cancelled")
    (turn,) = store.turns.of_thread(session.thread_id)
    assert (turn.finish_reason, turn.error) == ("cancelled", "")


def test_stop_before_the_first_event_counts(session: Session, endpoint: FakeOpenAI) -> None:
    session.stop()  # Nothing is asked: it means nothing.
    events = session.ask("Hi")
    session.stop()
    assert list(events) == []
    assert endpoint.requests == []
    assert texts(session) == ["Hi"]
    list(session.retry())
    assert texts(session) == ["Hi", "Hello there."]
