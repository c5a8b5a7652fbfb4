"""The tree of messages: branches, siblings, hashes, and what deletion frees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl_cli.chat.store.chat_store import ChatStore, memory_store
from sgl_cli.chat.store.database import StoreError
from sgl_cli.chat.store.messages import message_hash
from sgl_cli.chat.store.parts import (
    Image,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    part_from_json,
    part_to_json,
    storable_part,
)

WORDS = st.text(alphabet=st.characters(codec=None), max_size=8)
FLOATS = st.none() | st.floats(0, 1e6)
PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, WORDS),
    st.builds(Reasoning, WORDS, FLOATS, st.none() | st.integers(0, 10**6)),
    st.builds(Image, st.just("image/png"), url=WORDS.map("http://x/".__add__), name=WORDS),
    st.builds(ToolCall, WORDS, WORDS, WORDS),
    st.builds(ToolResult, WORDS, WORDS, WORDS, st.booleans()),
)


@given(PARTS)
def test_parts_survive_their_json_form(part: Part) -> None:
    assert part_from_json(part_to_json(part)) == part


@given(st.lists(PARTS, max_size=4))
def test_a_message_is_read_as_it_was_written(parts: list[Part]) -> None:
    with memory_store() as store:
        thread = store.threads.new()
        written = store.messages.append(thread.id, "assistant", parts, model="m\0", finish_reason="stop")
        assert written.parts == tuple(map(storable_part, parts))
        assert store.messages.get(written.hash) == written


@pytest.mark.parametrize(
    "value",
    [
        *(None, [], {}, {"type": "x"}, {"type": "text"}, {"type": "text", "text": 1}),
        *({"type": "image", "mime": "a"}, {"type": "image", "sha256": "a", "url": "b"}),
        {"type": "reasoning", "text": "", "tokens": True},
    ],
)
def test_wrong_parts_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"part|image"):
        part_from_json(value)


def test_everything_that_matters_is_in_the_hash() -> None:
    names = {
        message_hash("user", (Text("a"),), None, ""),
        message_hash("assistant", (Text("a"),), None, ""),
        message_hash("user", (Text("b"),), None, ""),
        message_hash("user", (Text("a"), Text("")), None, ""),
        message_hash("user", (Reasoning("a"),), None, ""),
        message_hash("user", (Text("a"),), "p", ""),
        message_hash("user", (Text("a"),), None, "n"),
    }
    assert len(names) == 7
    # Stored in every database: never changes.
    assert message_hash("user", (Text("a"),), None, "").startswith("45d8a5c68c0b8ba5")


def test_a_conversation_is_the_path_to_its_tip(store: ChatStore) -> None:
    thread = store.threads.new()
    sent = [
        store.messages.append(thread.id, role, text)
        for role, text in (("user", "a"), ("assistant", "b"), ("user", "c"))
    ]
    tip = store.threads.get(thread.id).tip_hash
    assert tip == sent[-1].hash
    assert store.messages.path(tip) == sent == store.messages.tree(thread.id)
    assert store.messages.path(None) == []
    assert [message.text for message in store.messages.path(sent[1].hash)] == ["a", "b"]


def test_editing_and_going_back(store: ChatStore) -> None:
    thread = store.threads.new()
    first = store.messages.append(thread.id, "user", "frist")
    reply = store.messages.append(thread.id, "assistant", "what?")
    edited = store.messages.edit(thread.id, first.hash, "first")
    assert store.threads.get(thread.id).tip_hash == edited.hash
    siblings = store.messages.siblings(thread.id, edited.hash)
    assert (siblings.label, siblings.previous, siblings.next) == ("2/2", first.hash, None)
    assert store.messages.siblings(thread.id, reply.hash).label == ""
    assert store.messages.tips(thread.id) == [reply.hash, edited.hash]
    assert store.messages.leaf(thread.id, first.hash) == reply.hash
    store.threads.move(thread.id, store.messages.leaf(thread.id, first.hash))
    assert [message.text for message in store.messages.path(store.threads.get(thread.id).tip_hash)] == [
        "frist",
        "what?",
    ]
    assert store.messages.edit(thread.id, edited.hash, "first") == edited  # Said before: no third branch.
    assert store.messages.children(thread.id, None) == [first.hash, edited.hash]


def test_equal_beginnings_of_two_conversations_are_two_trees(store: ChatStore) -> None:
    one, two = store.threads.new(), store.threads.new()
    first, second = (store.messages.append(thread.id, "user", "hi") for thread in (one, two))
    store.messages.append(one.id, "assistant", "hello")
    assert first.hash != second.hash
    assert store.messages.children(two.id, second.hash) == []


def test_a_fork_shares_messages_and_not_branches(store: ChatStore) -> None:
    old = store.threads.new(system="be brief", settings={"temperature": 0.5}, tags=["x"])
    store.messages.append(old.id, "user", "a")
    middle = store.messages.append(old.id, "assistant", "b")
    store.messages.append(old.id, "user", "c")
    new = store.threads.fork(old.id, middle.hash)
    assert (new.system, new.settings, new.tags, new.forked_from) == ("be brief", {"temperature": 0.5}, ("x",), old.id)
    assert store.messages.path(new.tip_hash) == store.messages.path(middle.hash)
    other = store.messages.append(new.id, "user", "d")
    assert store.messages.siblings(new.id, other.hash).label == ""
    assert len(store.messages.children(old.id, middle.hash)) == 1
    store.threads.delete(old.id)
    assert [message.text for message in store.messages.path(other.hash)] == ["a", "b", "d"]
    assert store.threads.get(new.id).forked_from is None


def test_deletion_frees_what_nobody_holds(store: ChatStore) -> None:
    thread = store.threads.new()
    with store.transaction():
        key = store.attachments.put(b"\x89PNG\r\n\x1a\n", "image/png")
        picture = store.messages.append(thread.id, "user", [Image("image/png", sha256=key)])
    fork = store.threads.fork(thread.id)
    store.threads.delete(thread.id)
    assert store.attachments.get(key).mime == "image/png"
    store.threads.delete(fork.id)
    for read in (lambda: store.attachments.get(key), lambda: store.messages.get(picture.hash)):
        with pytest.raises(StoreError, match="any more"):
            read()
    assert store.search.find("png") == []


def test_a_message_goes_with_all_that_follows_it(store: ChatStore) -> None:
    thread = store.threads.new()
    first = store.messages.append(thread.id, "user", "a")
    reply = store.messages.append(thread.id, "assistant", "b")
    store.messages.append(thread.id, "user", "c")
    store.messages.remove(thread.id, reply.hash)
    assert store.messages.tree(thread.id) == [first]
    assert store.threads.get(thread.id).tip_hash == first.hash


def test_messages_of_other_conversations_are_refused(store: ChatStore) -> None:
    one, two = store.threads.new(), store.threads.new()
    foreign = store.messages.append(one.id, "user", "a")
    with pytest.raises(StoreError, match="not in this conversation"):
        store.messages.insert(two.id, foreign.hash, "assistant", "b")
    with pytest.raises(StoreError, match="not in this conversation"):
        store.threads.move(two.id, foreign.hash)
    with pytest.raises(StoreError, match="not in this conversation"):
        store.messages.siblings(two.id, foreign.hash)
    store.threads.delete(two.id)
    with pytest.raises(StoreError, match="was deleted"):
        store.messages.append(two.id, "user", "c")


def test_a_picture_without_bytes_is_refused(store: ChatStore) -> None:
    thread = store.threads.new()
    with pytest.raises(StoreError):
        store.messages.append(thread.id, "user", [Image("image/png", sha256="0" * 64)])
    assert store.messages.tree(thread.id) == []


def test_a_long_conversation(store: ChatStore) -> None:
    thread = store.threads.new()
    with store.transaction():
        for number in range(1500):
            store.messages.append(thread.id, "user" if number % 2 == 0 else "assistant", str(number))
    path = store.messages.path(store.threads.get(thread.id).tip_hash)
    assert [message.text for message in path] == [str(number) for number in range(1500)]
    assert store.messages.leaf(thread.id, path[0].hash) == path[-1].hash
