"""The chat line by line: what is typed, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from sgl_cli.chat.client.connect import Wish
from sgl_cli.chat.client.events import Event, TextDelta
from sgl_cli.chat.repl.commands import HELP
from sgl_cli.chat.repl.repl import Repl
from sgl_cli.chat.session.open import Choice
from sgl_cli.chat.session.writer import Writer
from sgl_cli.chat.store.chat_store import ChatStore
from tests.fake_openai import CUT, Answer, FakeOpenAI, piece, said

Talk = Callable[..., tuple[str, str]]


@pytest.fixture
def talk(store: ChatStore, endpoint: FakeOpenAI, capsys: pytest.CaptureFixture[str]) -> Talk:
    """Types lines, an exception in place of one is raised; returns what came on stdout and on stderr."""

    def run(*lines: str | BaseException, choice: Choice | None = None, stats: bool = False) -> tuple[str, str]:
        typed = iter(lines)
        repl = Repl(Wish(url=endpoint.url), choice or Choice(), stats=stats)
        assert repl.run(store, {}, lambda prompt: _next(typed)) == 0
        return tuple(capsys.readouterr())

    return run


def _next(lines: Iterable[str | BaseException]) -> str:
    for line in lines:
        if isinstance(line, BaseException):
            raise line
        return line
    raise EOFError


def contents(endpoint: FakeOpenAI) -> list[str]:
    """What the last request says."""
    return [message["content"] for message in endpoint.requests[-1]["messages"]]


def test_questions_and_answers(talk: Talk, endpoint: FakeOpenAI, store: ChatStore) -> None:
    out, err = talk("Hi", "", "And?")
    assert out == "Hello there.\n" * 2
    assert err == f"served at {endpoint.url}; /help lists commands, Ctrl-D ends\n\n"
    assert contents(endpoint) == ["Hi", "Hello there.", "And?"]
    assert store.prompts.recent() == ["And?", "Hi"]


def test_several_lines_between_quotes(talk: Talk, endpoint: FakeOpenAI) -> None:
    talk('"""one', " two", 'three"""', '"""four"""')
    assert contents(endpoint)[0] == "one\n two\nthree"
    assert contents(endpoint)[2] == "four"


def test_reasoning_and_notes_go_to_stderr(talk: Talk, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([piece(reasoning="Hm\x1b[2J"), piece(content="Y\x1b]0;t\x07es"), piece("stop")])]
    out, err = talk("Hi", stats=True)
    assert out == "Yes\n"
    assert "Hm\n\n" in err
    assert ", stop\n" in err
    assert "\x1b" not in out + err


def test_an_error_does_not_end_the_chat(talk: Talk, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([piece(content="Hel"), CUT]), said("fine")]
    out, err = talk("Hi", "again", "/foo")
    assert out == "Hel\nfine\n"
    assert "error: " in err
    assert "closed the connection in the middle" in err
    assert "error: there is no command '/foo'" in err


def test_ctrl_c_at_the_prompt(talk: Talk) -> None:
    assert "(Ctrl-D ends the chat)" in talk(KeyboardInterrupt())[1]


def test_ctrl_c_stops_an_answer_and_keeps_the_part(
    talk: Talk, store: ChatStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = Writer.show

    def interrupted(writer: Writer, event: Event) -> None:
        show(writer, event)
        if isinstance(event, TextDelta):
            raise KeyboardInterrupt

    monkeypatch.setattr(Writer, "show", interrupted)
    out, err = talk("Hi")
    assert out == "Hello\n"
    assert "(stopped; what had come is kept)" in err
    (row,) = store.threads.summaries()
    assert row.last_line == "Hello"


def test_commands_change_what_is_asked(talk: Talk, endpoint: FakeOpenAI) -> None:
    endpoint.models = ["served", "owner/other"]
    lines = ("/system Be brief.", "/set temp=0 seed=1", "/model other", "Hi", "/retry", "/undo", "/set off", "/sys off")
    _, err = talk(*lines, "New", "/models", "/model x")
    first, second, last = endpoint.requests
    assert (first["temperature"], first["seed"], first["model"]) == (0.0, 1, "owner/other")
    assert [message["content"] for message in first["messages"]] == ["Be brief.", "Hi"]
    assert second["messages"] == first["messages"]
    assert contents(endpoint) == ["New"]
    assert "seed" not in last
    for line in ("system prompt: Be brief.", "taken back: Hi", "no options are set", "system prompt: none"):
        assert f"{line}\n" in err
    assert "served\nowner/other\n" in err
    assert "error: the server has no model 'x'" in err


def test_a_new_chat(talk: Talk, endpoint: FakeOpenAI, store: ChatStore) -> None:
    talk("/new", "Hi", "/clear", "Hi", "/new", "/quit", "never")
    assert len(contents(endpoint)) == 1
    assert len(store.threads.summaries()) == 2
    assert len(endpoint.requests) == 2


def test_a_chat_that_goes_on_and_its_export(talk: Talk, endpoint: FakeOpenAI) -> None:
    talk("Hi")
    out, err = talk("/stats", "/export", "/exp docx", "And?", choice=Choice(latest=True))
    assert contents(endpoint) == ["Hi", "Hello there.", "And?"]
    assert out.startswith("# Hi")
    assert f"{endpoint.url}, Hi;" in err
    assert "there is no answer yet\n" in err
    assert "error: there is no format 'docx'\n  hint: formats: md, json, jsonl, html\n" in err


def test_a_chat_in_which_nothing_was_said_is_not_kept(talk: Talk, store: ChatStore) -> None:
    talk("/system x", "/undo")
    assert not store.threads.summaries()


def test_help_names_every_command(talk: Talk) -> None:
    err = talk("/help")[1]
    assert all(f"  {usage} " in err for usage in HELP)
    assert "did you mean /model or /models?" in talk("/mod")[1]
