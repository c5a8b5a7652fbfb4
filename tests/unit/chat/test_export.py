"""Conversations as files: for people, for programs, and back."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sgl_cli.chat.store.chat_store import ChatStore, memory_store
from sgl_cli.chat.store.parts import Image, Reasoning, Text, ToolCall, ToolResult
from sgl_cli.chat.store.turns import Figures
from sgl_cli.chat.transfer.conversation import TransferError
from sgl_cli.chat.transfer.export import FORMATS, export_all, export_thread
from sgl_cli.chat.transfer.importing import import_file
from sgl_cli.chat.transfer.openai import request_messages

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.fixture
def thread_id(store: ChatStore) -> str:
    """A conversation with everything: branches, a picture, a tool, reasoning, hostile text."""
    thread = store.threads.new(system="Be <brief>.", settings={"seed": 7}, tags=["t"])
    with store.transaction():
        key = store.attachments.put(PNG, "image/png")
        picture = Image("image/png", sha256=key, name='a"b.png')
        prompt = store.messages.append(thread.id, "user", [picture, Text("What is <b>this</b>?\n\x1b[31mred")])
    draft = store.drafts.begin(thread.id, prompt.hash, url="http://x", model="m", params={"n": 1})
    draft.finish("stop", parts=[Text("first try")], figures=Figures(ttft_ms=1.5, input_tokens=3))
    call = ToolCall("c1", "look", '{"at": "it"}')
    draft = store.drafts.begin(thread.id, prompt.hash, model="m")
    draft.finish("tool_calls", parts=[Reasoning("I must <i>look</i>.\n\nYes.", 1.5, 9), call])
    store.messages.append(thread.id, "tool", [ToolResult("c1", "```a cat```", "look")])
    store.messages.append(thread.id, "assistant", "A cat:\n\n```html\n<script>alert(1)</script>\n```\ndone", model="m")
    store.threads.pin(thread.id)
    return thread.id


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_our_json_loses_nothing(store: ChatStore, thread_id: str, tmp_path: Path) -> None:
    exported = export_thread(store, thread_id, "json")
    assert exported.isascii()
    file = write(tmp_path / "chat.json", exported)
    with memory_store() as other:
        imported = import_file(other, file)
        assert (imported.source, imported.messages, imported.skipped) == ("sgl", 5, 0)
        (new,) = imported.threads
        assert other.messages.tree(new.id) == store.messages.tree(thread_id)
        old = store.threads.get(thread_id)
        assert vars(new) | {"id": old.id} == vars(old)
        for turn, copy in zip(store.turns.of_thread(thread_id), other.turns.of_thread(new.id), strict=True):
            assert vars(copy) | {"id": turn.id, "thread_id": thread_id} == vars(turn)
        again = export_thread(other, new.id, "json").replace(new.id, thread_id)
        assert json.loads(again) == json.loads(exported)
    assert import_file(store, file).messages == 5  # Beside what is there already.
    assert len(store.threads.summaries()) == 2


def test_a_backup_of_everything(store: ChatStore, thread_id: str, tmp_path: Path) -> None:
    archived = store.threads.new(title="old")
    store.threads.archive(archived.id)
    file = write(tmp_path / "all.json", export_all(store))
    with memory_store() as other:
        assert len(import_file(other, file).threads) == 2
        assert [row.thread.title for row in other.threads.summaries(archived=True)] == ["old"]


@pytest.mark.parametrize(
    "damage",
    [
        {"version": 2},
        {"version": "1"},
        {"threads": [{"messages": [{"hash": "a", "role": "robot"}]}]},
        {"threads": [{"messages": [{"hash": 1, "role": "user"}]}]},
        {"threads": [{"messages": [{"hash": "a", "role": "user", "parts": [{"type": "?"}]}]}]},
        {"attachments": [{"sha256": "a", "data": "!"}]},
        {"attachments": [{"sha256": "a", "data": "iVBORw0KGgo="}]},
    ],
)
def test_damaged_files_of_ours_are_one_line(store: ChatStore, tmp_path: Path, damage: dict[str, Any]) -> None:
    file = write(tmp_path / "chat.json", json.dumps({"format": "sgl-chat", "version": 1, **damage}))
    with pytest.raises(TransferError, match=r"damaged|version") as caught:
        import_file(store, file)
    assert "\n" not in str(caught.value)
    assert store.threads.summaries() == []


def test_markdown_is_for_people(store: ChatStore, thread_id: str) -> None:
    text = export_thread(store, thread_id, "md")
    assert text.startswith("# What is <b>this</b>? red\n")
    assert "\x1b" not in text
    for piece in ("## System\n\nBe <brief>.", "## You\n", "## Assistant (m)\n", "> I must <i>look</i>.\n>\n> Yes."):
        assert piece in text
    assert "````\n```a cat```\n````" in text
    assert "first try" not in text


class Page(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str | None]] = {}
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_stands_alone_and_runs_nothing(store: ChatStore, thread_id: str) -> None:
    source = export_thread(store, thread_id, "html")
    page = Page(source)
    assert not {"script", "b", "i", "iframe", "link", "object"} & set(page.tags)
    assert not [name for name in page.attributes if name.startswith("on")]
    (address,) = page.attributes["src"]
    assert (address or "").startswith("data:image/png;base64,")
    assert "default-src 'none'" in (page.attributes["content"][0] or "")
    assert "<script>alert(1)</script>" in page.text
    assert "What is <b>this</b>?\nred" in page.text
    assert page.tags.count("code") == 1
    assert page.attributes["alt"] == ['a"b.png']


def test_lines_for_training(store: ChatStore, thread_id: str) -> None:
    (line,) = export_thread(store, thread_id, "jsonl").splitlines()
    messages = json.loads(line)["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert messages[1]["content"][0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert messages[1]["content"][1]["text"].startswith("What is")
    assert messages[2]["content"] is None
    assert messages[2]["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": "it"}'}}
    ]
    assert messages[3] == {"role": "tool", "tool_call_id": "c1", "content": "```a cat```"}
    assert messages[4]["content"].startswith("A cat:")


def test_requests_leave_reasoning_and_empty_messages_out(store: ChatStore) -> None:
    thread = store.threads.new()
    store.messages.append(thread.id, "user", [Text("a"), Image("", url="http://x/y.png")])
    tip = store.messages.append(thread.id, "assistant", [Reasoning("only thoughts")])
    assert request_messages(store.messages.path(tip.hash), store.attachments.get) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": "http://x/y.png"}},
            ],
        }
    ]


@pytest.mark.parametrize("format", FORMATS)
def test_an_empty_conversation(store: ChatStore, format: Any) -> None:
    assert export_thread(store, store.threads.new().id, format)
