"""Exports of ChatGPT and Open WebUI become threads with their branches; hostile files become one line."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgl_cli.chat.store.chat_store import ChatStore, memory_store
from sgl_cli.chat.store.messages import Message
from sgl_cli.chat.store.parts import Image, Reasoning, Text, ToolCall, ToolResult
from sgl_cli.chat.store.threads import Thread
from sgl_cli.chat.transfer import importing
from sgl_cli.chat.transfer.conversation import Conversation, Node, TransferError, parents_first
from sgl_cli.chat.transfer.importing import Imported, import_file

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def load(store: ChatStore, tmp_path: Path, value: object) -> Imported:
    file = tmp_path / "export.json"
    file.write_text(json.dumps(value))
    return import_file(store, file)


def shown(store: ChatStore, imported: Imported) -> list[Message]:
    return store.messages.path(imported.threads[0].tip_hash)


def gpt(id: str, parent: str | None, role: str = "user", text: str = "", **more: Any) -> dict[str, Any]:
    content = more.pop("content", {"content_type": "text", "parts": [text]})
    message = {"id": id, "author": {"role": role, "name": None}, "content": content, "metadata": {}, "recipient": "all"}
    return {"id": id, "parent": parent, "children": [], "message": message | more}


def gpt_file(*nodes: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [{"title": "T", "create_time": 1700000000.5, "mapping": {node["id"]: node for node in nodes}, **more}]


ROOT: dict[str, Any] = {"id": "root", "message": None, "parent": None, "children": ["sys"]}
HIDDEN = {"is_visually_hidden_from_conversation": True}


def test_a_tree_of_chatgpt(store: ChatStore, tmp_path: Path) -> None:
    imported = load(
        store,
        tmp_path,
        gpt_file(
            ROOT,
            gpt("sys", "root", "system", ""),
            gpt("ctx", "sys", "user", "about me", metadata=HIDDEN),
            gpt("q", "ctx", "user", "Question", create_time=1700000001.0),
            gpt("a1", "q", "assistant", "First", create_time=1700000002.0, metadata={"model_slug": "gpt-4"}),
            gpt("a2", "q", "assistant", "Second", create_time=1700000003.0, metadata={"model_slug": "o3"}),
            gpt("q2", "a1", "user", "More", create_time=1700000004.0),
            current_node="a2",
            is_archived=True,
            update_time=1700000009,
        ),
    )
    (thread,) = imported.threads
    assert (imported.source, imported.messages, thread.title, thread.archived) == ("ChatGPT", 4, "T", True)
    assert (thread.created, thread.updated, thread.tags) == (1700000000.5, 1700000009.0, ("chatgpt",))
    question, reply = shown(store, imported)
    assert (question.text, reply.text, reply.model, reply.created) == ("Question", "Second", "o3", 1700000003.0)
    assert store.messages.siblings(thread.id, reply.hash).label == "2/2"
    assert len(store.messages.tree(thread.id)) == 4


def test_thoughts_tools_code_and_pictures_of_chatgpt(store: ChatStore, tmp_path: Path) -> None:
    thoughts = {"content_type": "thoughts", "thoughts": [{"summary": "Plan", "content": "Think."}]}
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-abc"}
    imported = load(
        store,
        tmp_path,
        gpt_file(
            gpt("q", None, content={"content_type": "multimodal_text", "parts": [picture, "What is it?"]}),
            gpt("t", "q", "assistant", content=thoughts),
            gpt("r", "t", "assistant", content={"content_type": "reasoning_recap", "content": "Thought for 3 s"}),
            gpt("c", "r", "assistant", content={"content_type": "code", "text": "1+1"}, recipient="python"),
            gpt(
                "o",
                "c",
                "tool",
                author={"role": "tool", "name": "python"},
                content={"content_type": "execution_output", "text": "2"},
            ),
            gpt("a", "o", "assistant", content={"content_type": "code", "language": "py", "text": "x = 2"}),
            current_node="a",
        ),
    )
    question, call, output, answer = shown(store, imported)
    assert question.text == "[picture file-abc is not in the file]\n\nWhat is it?"
    assert call.parts == (Reasoning("Plan\n\nThink."), ToolCall("c", "python", "1+1"))
    assert output.parts == (ToolResult("c", "2", "python"),)
    assert answer.parts == (Text("```py\nx = 2\n```"),)


def test_open_webui(store: ChatStore, tmp_path: Path) -> None:
    uri = "data:image/png;base64," + base64.b64encode(PNG).decode()
    details = (
        '<details type="reasoning" done="true" duration="3">\n<summary>Thought</summary>\n&gt; a &lt;b\n</details>\nHi'
    )
    messages = {
        "1": {
            "id": "1",
            "parentId": None,
            "childrenIds": ["2", "3"],
            "role": "user",
            "content": "Hello",
            "timestamp": 1700000000,
            "files": [
                {"type": "image", "url": uri},
                {"type": "image", "url": "/api/v1/files/9", "name": "x.png"},
                {"type": "image", "url": "https://example.org/a.png"},
                {"type": "doc", "name": "b.pdf"},
            ],
        },
        "2": {"id": "2", "parentId": "1", "role": "assistant", "content": details, "model": "m1", "done": True},
        "3": {"id": "3", "parentId": "1", "role": "assistant", "content": "<think>hm</think>Yo", "model": "m2"},
        "4": {"id": "4", "parentId": "3", "role": "assistant", "content": ""},
    }
    chat = {
        "title": "inner",
        "params": {"system": "Be nice"},
        "history": {"messages": messages, "currentId": "4"},
        "tags": ["work"],
    }
    outer = {"title": "Greeting", "chat": chat, "created_at": 1700000000, "pinned": True, "meta": {"tags": ["x"]}}
    imported = load(store, tmp_path, [outer, {"chat": {"messages": []}}])
    (thread,) = imported.threads
    assert (imported.source, imported.messages, imported.skipped) == ("Open WebUI", 3, 1)
    assert (thread.title, thread.system, thread.pinned) == ("Greeting", "Be nice", True)
    assert thread.tags == ("open-webui", "work", "x")
    prompt, reply = shown(store, imported)
    notes = [part.text for part in prompt.parts if isinstance(part, Text)]
    assert notes == ["[picture x.png is not in the export]", "[file b.pdf is not in the export]", "Hello"]
    inside, outside = (part for part in prompt.parts if isinstance(part, Image))
    assert store.attachments.get(inside.sha256).data == PNG
    assert outside.url == "https://example.org/a.png"
    assert reply.parts == (Reasoning("hm"), Text("Yo"))
    other = store.messages.siblings(thread.id, reply.hash).previous
    assert other is not None
    assert store.messages.get(other).parts == (Reasoning("a <b", 3.0), Text("Hi"))


def test_open_webui_before_it_had_trees(store: ChatStore, tmp_path: Path) -> None:
    chat = {"title": "old", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    imported = load(store, tmp_path, {"chat": chat})
    assert [message.text for message in shown(store, imported)] == ["a", "b"]


def test_importing_twice_makes_no_second_copy_of_replies(store: ChatStore, tmp_path: Path) -> None:
    export = gpt_file(gpt("q", None, text="Q"), gpt("a", "q", "assistant", "A"))
    first, second = load(store, tmp_path, export), load(store, tmp_path, export)
    assert shown(store, first) == shown(store, second)
    store.threads.delete(first.threads[0].id)
    assert [message.text for message in shown(store, second)] == ["Q", "A"]


def test_an_import_that_fails_takes_back_what_it_wrote(
    store: ChatStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = [*gpt_file(gpt("a", None, text="one")), *gpt_file(gpt("b", None, text="two"))]
    original = importing.save_conversation

    def stop_at_two(store: ChatStore, each: Conversation) -> Thread:
        if each.nodes[0].id == "b":
            raise KeyboardInterrupt
        return original(store, each)

    monkeypatch.setattr(importing, "save_conversation", stop_at_two)
    with pytest.raises(KeyboardInterrupt):
        load(store, tmp_path, export)
    assert store.threads.summaries() == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[" * 100_000,
        b"\xff\xfe\xfa",
        b"1" * 10_000,
        b"{}",
        b"[]",
        b"null",
        b'"mapping"',
        b'[{"role": "user", "content": "x"}]',
        b"PK\x03\x04zip",
        b'{"format": "sgl-chat"}',
        b"SQLite format 3\x00" + b"\0" * 200,
    ],
)
def test_unknown_files_are_one_line(store: ChatStore, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(TransferError) as caught:
        import_file(store, file)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert store.threads.summaries() == []


def test_places_that_cannot_be_read(store: ChatStore, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", Path("a\0b")):
        with pytest.raises(TransferError, match=r"cannot be read|is not a file"):
            import_file(store, path)


def test_circles_are_cut_open(store: ChatStore, tmp_path: Path) -> None:
    export = gpt_file(
        gpt("a", "c", text="a"),
        gpt("b", "a", text="b"),
        gpt("c", "b", text="c"),
        gpt("self", "self", text="s"),
        gpt("x", "y", metadata=HIDDEN),
        gpt("y", "x", metadata=HIDDEN),
        gpt("z", "x", text="z"),
        gpt("lost", "nowhere", text="l"),
        current_node="c",
    )
    imported = load(store, tmp_path, export)
    assert [message.text for message in shown(store, imported)] == ["a", "b", "c"]
    assert imported.messages == 6


def test_a_very_long_chain_takes_no_stack_and_little_time(store: ChatStore, tmp_path: Path) -> None:
    hidden = [gpt(f"h{number}", f"h{number - 1}", metadata=HIDDEN) for number in range(1, 20_000)]
    said = [gpt(f"s{number}", f"s{number - 1}" if number else "h19999", text="x") for number in range(2000)]
    start = time.monotonic()
    imported = load(store, tmp_path, gpt_file(*hidden, *said, current_node="s1999"))
    assert len(shown(store, imported)) == 2000
    assert time.monotonic() - start < 30


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("text"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = {
    "mapping": ["id", "title", "create_time", "update_time", "current_node", "is_archived"],
    "message": ["author", "content", "metadata", "recipient", "create_time"],
    "content": ["content_type", "parts", "text", "thoughts", "language"],
    "openwebui": ["role", "content", "files", "parentId", "timestamp", "model", "done"],
}


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_wrong_types_everywhere(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    def junk(kind: str) -> dict[str, Any]:
        return {key: data.draw(JUNK) for key in KEYS[kind] if data.draw(st.booleans())}

    message = junk("message") | {"author": {"role": "user"}, "content": junk("content")}
    nodes = {"a": {"message": message, "parent": "b"}, "b": data.draw(JUNK), "c": {"message": junk("message")}}
    chat = {"history": {"messages": {"m": junk("openwebui"), "n": data.draw(JUNK)}, "currentId": data.draw(JUNK)}}
    folder = tmp_path_factory.mktemp("junk")
    with memory_store() as store:
        load(store, folder, [junk("mapping") | {"mapping": nodes}, data.draw(JUNK)])
        load(
            store, folder, [{"chat": chat}, {"chat": junk("mapping") | {"messages": data.draw(JUNK)}}, data.draw(JUNK)]
        )


NAMES = st.sampled_from("abcdef")


@given(st.lists(st.builds(lambda id, parent: Node(id, parent, "user", ()), NAMES, st.none() | NAMES)))
def test_parents_come_first_in_any_graph(nodes: list[Node]) -> None:
    seen: set[str] = set()
    for node in parents_first(nodes):
        assert node.parent is None or node.parent in seen
        assert node.id not in seen
        seen.add(node.id)
    assert seen == {node.id for node in nodes}
