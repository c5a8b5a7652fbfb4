"""``sgl chat`` in pipes and scripts: what goes to which stream, what is kept, how it ends."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sgl_cli.chat.store.chat_store import open_store
from sgl_cli.main import main
from tests.fake_openai import CUT, Answer, FakeOpenAI, fake_openai, piece, said

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


class Result(NamedTuple):
    """How a run ended."""

    code: int
    out: str
    err: str


class Keyboard(io.StringIO):
    """A standard input that is a terminal."""

    def isatty(self) -> bool:
        return True


Chat = Callable[..., Result]


@pytest.fixture
def endpoint() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


@pytest.fixture
def chat(
    endpoint: FakeOpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Chat:
    """Runs ``sgl chat`` with words and with something in the pipe."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("SGL_URL", endpoint.url)
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str, piped: bytes = b"") -> Result:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(piped)))
        code = main(["chat", *words])
        return Result(code, *capsys.readouterr())

    return run


def asked(endpoint: FakeOpenAI) -> Any:
    """The content of the last question."""
    return endpoint.requests[-1]["messages"][-1]["content"]


def test_the_answer_goes_to_stdout_and_nothing_to_stderr(chat: Chat, endpoint: FakeOpenAI) -> None:
    assert chat("-p", "Hi") == (0, "Hello there.\n", "")
    assert asked(endpoint) == "Hi"


def test_what_is_piped_is_the_question_or_follows_it(chat: Chat, endpoint: FakeOpenAI) -> None:
    assert chat(piped=b"Hi\n").code == 0
    assert asked(endpoint) == "Hi"
    chat("-p", "review", piped=b"+ line\n")
    assert asked(endpoint) == "review\n\n+ line"


def test_files_are_fenced_with_their_names(chat: Chat, endpoint: FakeOpenAI, tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("```\ncode\n```")
    chat("-p", "explain", "-f", str(file))
    assert asked(endpoint) == f"explain\n\n{file}:\n````\n```\ncode\n```\n````"
    chat("-f", "-", piped=b"x")
    assert asked(endpoint) == "standard input:\n```\nx\n```"


def test_pictures_come_first(chat: Chat, endpoint: FakeOpenAI, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    chat("-p", "what?", "-a", str(tmp_path / "a.png"), "-a", "-", piped=PNG)
    kinds = [part["type"] for part in asked(endpoint)]
    assert kinds == ["image_url", "image_url", "text"]
    assert asked(endpoint)[0]["image_url"]["url"].startswith("data:image/png;base64,")


@pytest.mark.parametrize(
    ("words", "piped", "message"),
    [
        ([], b"", "there is nothing to ask"),
        (["-p", " "], b"\n", "there is nothing to ask"),
        (["-p", "x"], b"\xff", "standard input is not text in UTF-8"),
        (["-p", "x"], b"a\0", "standard input is not text"),
        (["-f", "nowhere"], b"", "nowhere cannot be read: No such file or directory"),
        (["-p", "x", "-a", "-"], b"text", "the picture is not a PNG, JPEG, GIF or WebP picture"),
        (["-p", "x", "-o", "temprature=1"], b"", "there is no option 'temprature'"),
        (["-p", "x", "--json", "-x"], b"", "--json and -x exclude each other"),
        (["-p", "x", "-c", "-n"], b"", "-c and -n exclude each other"),
        (["-p", "x", "-c"], b"", "there is no chat to go on with"),
        (["-p", "x", "--url", "h:x"], b"", "--url expects the address of a server, got 'h:x'"),
    ],
)
def test_wrong_usage(words: list[str], piped: bytes, message: str, chat: Chat, endpoint: FakeOpenAI) -> None:
    result = chat(*words, piped=piped)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"error: {message}\n")
    assert not endpoint.requests


def test_code_is_taken_out_of_the_answer(chat: Chat, endpoint: FakeOpenAI) -> None:
    endpoint.script = [said("One:\n```py\na = 1\n", "```\ntwo:\n```\nb\n```\nDone.")]
    assert chat("-p", "Hi", "-x") == (0, "a = 1\n", "")
    assert chat("-p", "Hi", "--xl") == (0, "b\n", "")
    endpoint.script = [said("none")]
    result = chat("-p", "Hi", "-x")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: the answer holds no block of code\n  hint: sgl chat --export ")


def test_one_json_object(chat: Chat) -> None:
    result = chat("-p", "Hi", "--json")
    answer = json.loads(result.out)
    assert (answer["text"], answer["model"], answer["finish_reason"]) == ("Hello there.", "served", "stop")
    counts = {"input_tokens": 12, "output_tokens": 2, "cached_tokens": 8, "reasoning_tokens": None}
    assert answer["usage"] == {**counts, "output_tokens_estimated": False}
    assert answer["timings"]["ttft_ms"] > 0
    assert chat("--export", answer["thread_id"]).out.startswith("# Hi")
    assert json.loads(chat("-p", "Hi", "--json", "-n").out)["thread_id"] is None


def test_events_as_lines_of_json(chat: Chat, endpoint: FakeOpenAI) -> None:
    events = [json.loads(line) for line in chat("-p", "Hi", "--jsonl").out.splitlines()]
    assert [event["type"] for event in events] == ["begin", "text", "text", "finish", "usage", "end"]
    assert events[-1]["text"] == "Hello there."
    endpoint.script = [Answer([piece(content="Hel"), CUT])]
    result = chat("-p", "Hi", "--jsonl")
    last = json.loads(result.out.splitlines()[-1])
    assert (result.code, last["type"]) == (1, "error")
    assert result.err.startswith(f"error: {last['message']}\n")


def test_an_answer_that_is_cut_off_is_kept_and_fails(chat: Chat, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([piece(content="Hel"), CUT])]
    result = chat("-p", "Hi")
    assert (result.code, result.out) == (1, "Hel\n")
    assert "closed the connection in the middle of the answer\n  hint: what had come is kept" in result.err
    with open_store() as store:
        (row,) = store.threads.summaries()
    assert (row.last_line, row.messages) == ("Hel", 2)


def test_a_question_that_was_refused_leaves_no_chat(chat: Chat, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer(status=400, body={"error": {"message": "no images here"}})]
    assert chat("-p", "Hi") == (1, "", "error: the server refuses the request: no images here\n")
    assert chat("--list") == (0, "", "there are no chats yet\n")


def test_control_sequences_are_taken_out_unless_asked_for(chat: Chat, endpoint: FakeOpenAI) -> None:
    endpoint.script = [said("a\x1b]52;c;eA", "==\x07b")]
    assert chat("-p", "Hi").out == "ab\n"
    assert chat("-p", "Hi", "--raw").out == "a\x1b]52;c;eA==\x07b\n"


def test_reasoning_is_not_shown_in_a_pipe(chat: Chat, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([piece(reasoning="Hm"), piece(content="Yes"), piece("stop")])]
    assert chat("-p", "Hi") == (0, "Yes\n", "")
    assert json.loads(chat("-p", "Hi", "--json").out)["reasoning"] == "Hm"


def test_an_answer_that_turns_out_to_be_reasoning(chat: Chat, endpoint: FakeOpenAI) -> None:
    endpoint.script = [said("Hm.\n", "more\n", "</think>\n", "Yes")]
    result = chat("-p", "Hi")
    assert result.out.endswith("\nYes\n")
    assert result.err == "note: what came so far was reasoning; the answer begins below\n"
    assert json.loads(chat("-p", "Hi", "--json").out)["text"] == "Yes"


def test_numbers_are_shown_on_stderr(chat: Chat, endpoint: FakeOpenAI) -> None:
    result = chat("-p", "Hi", "--stats")
    assert result.out == "Hello there.\n"
    assert "12 in (8 cached), 2 out" in result.err
    endpoint.script = [Answer([piece(content="a"), 0.05, piece(content="b"), piece("stop")])]
    assert "tok/s, ~2 out" in chat("-p", "Hi", "--stats").err


def test_an_answer_that_is_too_long(chat: Chat, endpoint: FakeOpenAI) -> None:
    endpoint.script = [said("Hel", reason="length")]
    assert chat("-p", "Hi").code == 0
    assert chat("-p", "Hi", "--fail-on-length").code == 3


def test_a_schema_is_sent_and_its_refusal_passed_on(chat: Chat, endpoint: FakeOpenAI, tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    file.write_text('{"type": "object"}')
    assert chat("-p", "Hi", "--schema", str(file)).code == 0
    schema = {"name": "answer", "schema": {"type": "object"}}
    assert endpoint.requests[0]["response_format"] == {"type": "json_schema", "json_schema": schema}
    file.write_text("[]")
    assert chat("-p", "Hi", "--schema", str(file)).code == 2


def test_a_chat_goes_on(chat: Chat, endpoint: FakeOpenAI) -> None:
    chat("-p", "Hi", "-s", "Be brief.", "-o", "seed=1")
    chat("-p", "And?", "-c")
    assert [message["content"] for message in endpoint.requests[1]["messages"]] == [
        *("Be brief.", "Hi", "Hello there.", "And?")
    ]
    assert endpoint.requests[1]["seed"] == 1
    id = json.loads(chat("--list", "--json").out)[0]["id"]
    chat("-p", "More", "--session", id[-6:], "--no-stream")
    assert len(endpoint.requests[2]["messages"]) == 6
    assert endpoint.requests[2]["stream"] is False


def test_chats_are_listed_exported_imported_and_deleted(chat: Chat, tmp_path: Path) -> None:
    chat("-p", "Hi there")
    (line,) = chat("--list").out.splitlines()
    id = line.split()[0]
    assert line.endswith("2  Hi there")
    for format in ("md", "json", "jsonl", "html"):
        text = chat("--export", id, "--format", format).out
        assert "Hello there." in text
        (tmp_path / f"chat.{format}").write_text(text)
    other = str(tmp_path / "other.db")
    result = chat("--import", str(tmp_path / "chat.json"), "--db", other)
    assert (result.code, result.err) == (0, "imported 1 chat with 2 messages from sgl\n")
    assert chat("--export", result.out.strip(), "--db", other).out
    assert chat("--delete", id) == (0, "", f"deleted {id}: Hi there\n")
    assert chat("--delete", id).err.startswith(f"error: there is no chat '{id}'")


def test_the_key_goes_where_it_was_meant_for(chat: Chat, endpoint: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "openai")
    chat("-p", "Hi")
    assert set(endpoint.keys) == {None}  # SGL_URL is not OpenAI's address.
    endpoint.keys.clear()
    monkeypatch.setenv("SGL_API_KEY", "ours")
    chat("-p", "Hi")
    chat("-p", "Hi", "--api-key", "given")
    monkeypatch.delenv("SGL_URL")
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
    chat("-p", "Hi")
    expected = [f"Bearer {key}" for key in ("ours", "given", "openai")]
    assert endpoint.keys == [key for key in expected for _ in range(2)]


def test_a_key_is_asked_for(chat: Chat, endpoint: FakeOpenAI) -> None:
    endpoint.key = "right"
    result = chat("-p", "Hi")
    message = f"error: {endpoint.url} asks for a key: Incorrect API key.\n"
    assert result == (1, "", f"{message}  hint: give it with --api-key KEY or in SGL_API_KEY\n")
    assert chat("-p", "Hi", "--api-key", "right").code == 0


def test_a_model_by_its_short_name_and_a_list_that_is_missing(chat: Chat, endpoint: FakeOpenAI) -> None:
    endpoint.models = ["a", "owner/b"]
    chat("-p", "Hi")
    chat("-p", "Hi", "-m", "b")
    endpoint.models = None
    chat("-p", "Hi", "-m", "c")
    assert [request["model"] for request in endpoint.requests] == ["a", "owner/b", "c"]
    result = chat("-p", "Hi")
    assert (result.code, result.err.splitlines()[0]) == (1, f"error: {endpoint.url} does not list its models")


def test_a_conversation_needs_a_terminal_on_both_sides(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard())
    assert main(["chat"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("hint: to ask one question: sgl chat -p 'QUESTION'\n")


def test_nobody_runs(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SGL_URL")
    monkeypatch.setattr("sgl_cli.chat.client.connector.running_endpoint", lambda *_: None)
    result = chat("-p", "Hi")
    assert result.code == 1
    assert result.err.startswith("error: no server is running\n  hint: sgl serve -d starts one;")
    assert chat("--list").err == "there are no chats yet\n"
