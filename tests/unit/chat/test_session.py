"""A conversation with a server: what is sent, what is kept, and what an answer that ends early leaves."""

from __future__ import annotations

import pytest

from sgl.errors import UsageError
from sgl_cli.chat.client.events import Began, Finished, ReasoningDelta, Replaced, TextDelta, ToolCallDelta, Usage
from sgl_cli.chat.client.failures import ChatError
from sgl_cli.chat.client.http import ChatClient
from sgl_cli.chat.session.open import Choice, open_session
from sgl_cli.chat.session.options import OPTIONS, option_name, read_options
from sgl_cli.chat.session.reply import Reply
from sgl_cli.chat.session.session import Session
from sgl_cli.chat.store.chat_store import ChatStore
from sgl_cli.chat.store.parts import Reasoning, Text, ToolCall
from tests.fake_openai import CUT, Answer, FakeOpenAI, piece, said


@pytest.fixture
def session(store: ChatStore, client: ChatClient) -> Session:
    return open_session(store, client, "served", Choice(system="Be brief.", options={"temperature": 0.5}))


def texts(session: Session) -> list[tuple[str, str]]:
    """The branch that is shown."""
    return [(message.role, message.text) for message in session.store.messages.path(session.thread.tip_hash)]


def test_a_question_and_its_answer_are_kept(session: Session, endpoint: FakeOpenAI) -> None:
    list(session.ask("Hi"))
    list(session.ask("And?"))
    assert texts(session) == [("user", "Hi"), ("assistant", "Hello there."), ("user", "And?"), texts(session)[1]]
    first, second = endpoint.requests
    assert (first["model"], first["temperature"]) == ("served", 0.5)
    assert first["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    assert [message["content"] for message in second["messages"]] == ["Be brief.", "Hi", "Hello there.", "And?"]
    assert session.message is not None
    turn = session.store.turns.of_message(session.message.hash)
    assert turn is not None
    assert (turn.finish_reason, turn.figures.input_tokens, turn.figures.cached_tokens) == ("stop", 12, 8)
    assert turn.figures.ttft_ms is not None


def test_an_answer_that_is_stopped_is_kept_as_far_as_it_came(session: Session) -> None:
    events = session.ask("Hi")
    while next(events) != TextDelta("Hello"):
        pass
    events.close()
    assert texts(session)[-1] == ("assistant", "Hello")
    assert session.message is not None
    assert session.message.finish_reason == "cancelled"


def test_an_answer_that_is_cut_is_kept_with_its_error(session: Session, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([piece(content="Hel"), CUT])]
    with pytest.raises(ChatError):
        list(session.ask("Hi"))
    assert texts(session)[-1] == ("assistant", "Hel")
    (turn,) = session.store.turns.of_thread(session.thread_id)
    assert turn.finish_reason == "error"
    assert "closed the connection" in turn.error


def test_retry_gives_a_second_answer_beside_the_first(session: Session, endpoint: FakeOpenAI) -> None:
    with pytest.raises(UsageError, match="nothing to answer"):
        list(session.retry())
    list(session.ask("Hi"))
    endpoint.script = [said("Another")]
    list(session.retry())
    assert texts(session) == [("user", "Hi"), ("assistant", "Another")]
    assert session.message is not None
    assert session.store.messages.siblings(session.thread_id, session.message.hash).label == "2/2"
    assert [message["content"] for message in endpoint.requests[1]["messages"]] == ["Be brief.", "Hi"]


def test_undo_goes_back_to_before_the_question(session: Session) -> None:
    assert session.undo() is None
    list(session.ask("Hi"))
    list(session.ask("And?"))
    asked = session.undo()
    assert asked is not None
    assert asked.text == "And?"
    assert texts(session) == [("user", "Hi"), ("assistant", "Hello there.")]


def test_a_conversation_goes_on_with_its_own_options(store: ChatStore, client: ChatClient, session: Session) -> None:
    list(session.ask("Hi"))
    again = open_session(store, client, "served", Choice(latest=True, options={"seed": 1}))
    assert (again.thread_id, again.thread.system) == (session.thread_id, "Be brief.")
    assert again.options == {"temperature": 0.5, "seed": 1} == again.thread.settings
    assert open_session(store, client, "served", Choice(id=session.thread_id[-8:])).thread_id == session.thread_id


def test_there_is_nothing_to_go_on_with(store: ChatStore, client: ChatClient) -> None:
    with pytest.raises(UsageError, match="no chat to go on with"):
        open_session(store, client, "served", Choice(latest=True))


def test_times_and_speed() -> None:
    now = [0.0]
    reply = Reply("asked", lambda: now[0])
    for seconds, event in [
        (0.5, Began("served")),
        (1.0, ReasoningDelta("Hm")),
        (3.0, TextDelta("a")),
        (4.0, TextDelta("b")),
        (5.0, Finished("stop")),
    ]:
        now[0] = seconds
        reply.add(event)
    assert (reply.model, reply.ttft, reply.reasoning_seconds, reply.seconds) == ("served", 1.0, 2.0, 4.0)
    assert (reply.output_tokens, reply.estimated, reply.figures.tpot_ms) == (3, True, None)
    reply.add(Usage(10, 31, 4, 20))
    assert (reply.tokens_per_second, reply.estimated, reply.figures.tpot_ms) == (10.0, False, 100.0)
    assert reply.parts == (Reasoning("Hm", 2.0, 20), Text("ab"))


def test_what_a_reply_is_made_of() -> None:
    reply = Reply("asked")
    for event in (
        TextDelta("Hm"),
        Replaced("Hm", ""),
        ToolCallDelta(1, "b", "g", "{}"),
        ToolCallDelta(0, "a", "f", "{"),
    ):
        reply.add(event)
    reply.add(ToolCallDelta(0, "", "", "}"))
    assert (reply.reasoning, reply.text) == ("Hm", "")
    assert reply.parts[1:] == (ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"))


def test_options_are_read_by_their_kind() -> None:
    words = [
        "temp=0.2",
        "max-tokens=2k",
        "stop=a\\n",
        "stop=b",
        "ignore_eos=on",
        'chat_template_kwargs={"a": 1}',
        "seed=-1",
    ]
    assert read_options(words) == {
        "temperature": 0.2,
        "max_tokens": 2000,
        "stop": ["a\n", "b"],
        "ignore_eos": True,
        "chat_template_kwargs": {"a": 1},
        "seed": -1,
    }


@pytest.mark.parametrize(
    ("word", "error", "hint"),
    [
        ("temperature", "an option is KEY=VALUE, got 'temperature'", "such as temperature=0.2"),
        ("temperatur=1", "there is no option 'temperatur'", "did you mean temperature?"),
        ("qqq=1", "there is no option 'qqq'", f"options: {', '.join(OPTIONS)}"),
        ("top_k=a", "top_k expects a whole number, got 'a'", None),
        ("top_p=", "top_p expects a number, got ''", None),
        ("top_p=nan", "top_p expects a number, got 'nan'", None),
        ("stop=", "stop expects some text, got ''", None),
        ("chat_template_kwargs=[]", "chat_template_kwargs expects a JSON object, got '[]'", None),
    ],
)
def test_a_wrong_option(word: str, error: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        read_options([word])
    assert (caught.value.message, caught.value.hint) == (error, hint)


def test_every_option_is_known_by_its_own_name() -> None:
    assert [option_name(name) for name in OPTIONS] == list(OPTIONS)
