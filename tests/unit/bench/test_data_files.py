"""Prompts from files: what is read, in which order, and what is said about a bad line."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sgl.errors import UsageError
from sgl_cli.bench.data.dataset import one_pass, sha256
from sgl_cli.bench.data.files import from_file, from_text
from sgl_cli.bench.data.lengths import Fixed
from sgl_cli.bench.data.open import DataFacts, open_dataset
from sgl_cli.bench.data.reading import json_objects
from sgl_cli.bench.data.sharegpt import ShareGpt
from sgl_cli.bench.data.wish import DataWish

Write = Callable[[str, object], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, content: object) -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


class Letters:
    """A token a letter, exactly."""

    exact = True

    def count(self, text: str) -> int:
        return len(text)


def test_json_lines_of_every_form(write: Write) -> None:
    rows: list[dict[str, Any]] = [
        {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions"}
        | {"body": {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 7, "top_p": 0.5}},
        {"messages": [{"role": "user", "content": "hello"}], "max_completion_tokens": 9, "tools": []},
        {"prompt": "once", "output_len": 5},
        {"prompt": [3, 4], "output_tokens": 6},
        {"conversations": [{"from": "human", "value": "why?"}, {"from": "gpt", "value": "so"}], "id": "x"},
    ]
    path = write("a.jsonl", "\n\n".join(map(json.dumps, rows)) + "\n")
    chat, tools, text, ids, talk = one_pass(from_file(path, None, 0))
    assert (chat.messages, chat.output_tokens, chat.extra) == (({"role": "user", "content": "hi"},), 7, {"top_p": 0.5})
    assert (tools.output_tokens, tools.extra) == (9, {"tools": []})
    assert (text.text, text.output_tokens, text.extra) == ("once", 5, None)
    assert (ids.ids, ids.input_tokens, ids.output_tokens) == ((3, 4), 2, 6)
    assert (talk.text, talk.output_tokens) == ("why?", 256)


def test_a_wished_length_replaces_that_of_the_file(write: Write) -> None:
    path = write("a.jsonl", '{"prompt": "x", "max_tokens": 5}')
    assert [prompt.output_tokens for prompt in from_file(path, Fixed(3), 0).prompts(2)] == [3, 3]


def test_a_file_starts_again_and_says_so(write: Write) -> None:
    data = from_file(write("a.jsonl", '{"prompt": "x"}\n{"prompt": "y"}\n'), None, 0)
    assert data.repeats_after is None
    assert [(prompt.index, prompt.text) for prompt in data.prompts(5, start=1)] == [
        *((1, "y"), (2, "x"), (3, "y")),
        *((4, "x"), (5, "y")),
    ]
    assert data.repeats_after == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ("[1]", "expected a JSON object, got"),
        ("{}", "no 'messages', 'prompt', 'conversations' or 'body'"),
        ('{"prompt": 5}', "a text or a list of token ids"),
        ('{"prompt": ""}', "a text or a list of token ids"),
        ('{"prompt": [1, "a"]}', "a text or a list of token ids"),
        ('{"prompt": "x", "max_tokens": 0}', "max_tokens must be a whole number of at least 1"),
        ('{"prompt": "x", "max_tokens": true}', "max_tokens must be a whole number"),
        ('{"messages": []}', "not empty"),
        ('{"messages": [{"content": "x"}]}', "no 'role'"),
        ('{"messages": [{"role": "user", "content": 5}]}', "neither text nor"),
        ('{"body": 1}', "body must be a JSON object"),
        ('{"conversations": [{"value": 1}, {"value": "x"}]}', "no text in 'value'"),
    ],
)
def test_a_bad_line_is_named(write: Write, line: str, words: str) -> None:
    path = write("bad.jsonl", '{"prompt": "good"}\n\n' + line + "\n")
    with pytest.raises(UsageError) as caught:
        list(from_file(path, None, 0).prompts(5))
    assert str(caught.value).startswith("bad.jsonl, line 3: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path, write: Write) -> None:
    for path, words in (
        (tmp_path / "none.jsonl", "cannot read none.jsonl: no such file"),
        (tmp_path, "is a folder"),
        (write("empty.jsonl", "\n \n"), "empty.jsonl has no prompts"),
    ):
        with pytest.raises(UsageError, match=words):
            list(from_file(path, None, 0).prompts(1))
    (tmp_path / "latin").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not text in UTF-8"):
        list(from_file(tmp_path / "latin", None, 0).prompts(1))


def test_standard_input_is_texts_or_json() -> None:
    texts = list(one_pass(from_text("first\n\n  second {\r\n", None, 0)))
    assert [(prompt.text, prompt.output_tokens) for prompt in texts] == [("first", 256), ("  second {", 256)]
    objects = list(one_pass(from_text('\ufeff{"prompt": "x", "max_tokens": 2}\n', None, 0)))
    assert [(prompt.text, prompt.output_tokens) for prompt in objects] == [("x", 2)]
    data = open_dataset(DataWish(kind="stdin", output_len=None), DataFacts(), io.StringIO("one\ntwo"))
    assert [prompt.text for prompt in data.prompts(3)] == ["one", "two", "one"]
    with pytest.raises(UsageError, match="standard input"):
        open_dataset(DataWish(kind="stdin"), DataFacts(), None)


def talk(question: str, answer: str) -> dict[str, Any]:
    return {"conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}, {"value": "?"}]}


SHARES = [
    *(talk("q" * size, "a" * (size + 1)) for size in range(2, 12)),
    talk("x", "too short a question"),
    talk("too short an answer", "y"),
    {"conversations": [{"value": "alone"}]},
    {"conversations": []},
]


def test_sharegpt_takes_first_turns_by_the_rules_of_the_others(write: Write) -> None:
    data = ShareGpt(write("s.json", SHARES), Letters(), seed=0)
    prompts = list(one_pass(data))
    assert {(prompt.input_tokens, prompt.output_tokens) for prompt in prompts} == {(n, n + 1) for n in range(2, 12)}
    assert all(prompt.text == "q" * (prompt.input_tokens or 0) for prompt in prompts)
    assert data.repeats_after == 10
    assert data.describe()["tokens_estimated"] is False
    assert sha256(prompts) == sha256(ShareGpt(write("s.json", SHARES), Letters(), seed=0).prompts(10))
    assert sha256(prompts) != sha256(ShareGpt(write("s.json", SHARES), Letters(), seed=1).prompts(10))


def test_sharegpt_limits_and_order(write: Write) -> None:
    lines = write("s.jsonl", "\n".join(map(json.dumps, SHARES)))
    data = ShareGpt(lines, Letters(), seed=0, max_input_len=8, max_total_len=13, in_order=True)
    assert [prompt.input_tokens for prompt in one_pass(data)] == [2, 3, 4, 5, 6]
    fixed = ShareGpt(lines, Letters(), seed=0, output_len=Fixed(9), in_order=True)
    assert {prompt.output_tokens for prompt in fixed.prompts(5)} == {9}


def test_sharegpt_says_when_lengths_are_estimated(write: Write) -> None:
    wish = DataWish(kind="sharegpt", path=write("s.json", [talk("word " * 80, "x" * 80)]), output_len=None)
    data = open_dataset(wish, DataFacts())
    prompt = next(data.prompts())
    assert (prompt.input_tokens, prompt.output_tokens) == (100, 20)
    assert data.describe()["tokens_estimated"] is True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[\n{"conversations": []},\n{"conversations": 5}]', "s.json, line 3: no list 'conversations'"),
        ('[\n{"conversations": []},\n5]', "s.json, line 3: expected a JSON object"),
        ('[\n{"conversations": []},\n{"a" 5}]', "s.json, line 3: not JSON"),
        ('[\n{"conversations": []},', "s.json, line 2: the file ends in the middle"),
        ('[\n{"conversations": []},\n{"conv', "s.json, line 3: not JSON"),
        ("[]", "s.json has no conversation with two turns"),
        ('{"a": 1}', "s.json, line 1: no list 'conversations'"),
    ],
)
def test_a_bad_sharegpt_file_is_named(write: Write, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        list(ShareGpt(write("s.json", text), Letters(), seed=0).prompts(1))
    assert words in str(caught.value)


def test_a_large_array_is_read_a_piece_at_a_time(write: Write) -> None:
    rows = [{"number": number, "text": "x" * (2_500_000 if number == 3 else 5_000)} for number in range(400)]
    path = write("large.json", "[" + ",\n".join(map(json.dumps, rows)) + "\n]")
    read = list(json_objects(path))
    assert [row.fields["number"] for row in read] == list(range(400))
    assert [row.place.line for row in read] == list(range(1, 401))
    assert len(read[3].fields["text"]) == 2_500_000
