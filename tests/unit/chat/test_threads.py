"""Conversations in a list: names, labels, order, and how they are found."""

from __future__ import annotations

import pytest

from sgl_cli.chat.store.chat_store import ChatStore
from sgl_cli.chat.store.database import StoreError
from sgl_cli.chat.store.ids import new_id


def titles(store: ChatStore, **filters: object) -> list[str]:
    return [row.thread.title for row in store.threads.summaries(**filters)]  # type: ignore[arg-type]


def test_ids_sort_by_time_and_are_all_different() -> None:
    ids = [new_id() for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert {len(each) for each in ids} == {26}
    assert [each[:10] for each in ids] == sorted(each[:10] for each in ids)


def test_the_first_prompt_is_the_title(store: ChatStore) -> None:
    thread = store.threads.new()
    store.messages.append(thread.id, "system", "not this")
    store.messages.append(
        thread.id, "user", "  How do I\n\x1b[31mwrite\x1b[0m a parser for arithmetic expressions in Python?"
    )
    store.messages.append(thread.id, "user", "second")
    title = store.threads.get(thread.id).title
    assert title == "How do I write a parser for arithmetic…"
    assert len(title) <= 50


def test_a_name_stays(store: ChatStore) -> None:
    thread = store.threads.new(title="mine")
    store.messages.append(thread.id, "user", "hello")
    assert store.threads.get(thread.id).title == "mine"
    assert store.threads.rename(thread.id, " two\nlines \ud800").title == "two lines \ufffd"


def test_the_list_shows_pinned_then_newest(store: ChatStore) -> None:
    a, b, c = (store.threads.new(title=name) for name in "abc")
    store.messages.append(b.id, "user", "to the front")
    assert titles(store) == ["b", "c", "a"]
    store.threads.pin(a.id)
    assert titles(store) == ["a", "b", "c"]
    store.threads.archive(c.id)
    assert titles(store) == ["a", "b"]
    assert titles(store, archived=True) == ["c"]
    store.threads.archive(c.id, archived=False)
    assert titles(store, title="C") == ["c"]
    assert titles(store, limit=1, offset=1) == ["b"]
    assert store.threads.pin(a.id, pinned=False).pinned is False


def test_a_row_has_the_last_line_and_a_count(store: ChatStore) -> None:
    thread = store.threads.new()
    store.messages.append(thread.id, "user", "question")
    store.messages.append(thread.id, "assistant", "one\n\x1b]0;evil\x07two   words\n\n")
    (row,) = store.threads.summaries()
    assert (row.last_line, row.messages) == ("two words", 2)
    (empty,) = [row for row in store.threads.summaries() if row.thread.id != thread.id] or [None]
    assert empty is None


def test_tags(store: ChatStore) -> None:
    one, two = store.threads.new(tags=["b", "a", "b", " "]), store.threads.new(title="two")
    assert one.tags == ("a", "b")
    assert store.threads.tag(two.id, ["b"]).tags == ("b",)
    assert store.threads.tags() == ["a", "b"]
    assert titles(store, tag="b") == ["two", ""]
    assert titles(store, tag="a") == [""]


def test_resume_takes_the_last_one_that_was_spoken_in(store: ChatStore) -> None:
    assert store.threads.latest() is None
    old, new, archived = (store.threads.new() for _ in range(3))
    store.threads.new()
    for thread in (new, old, archived):
        store.messages.append(thread.id, "user", "x")
    store.threads.archive(archived.id)
    latest = store.threads.latest()
    assert latest is not None
    assert latest.id == old.id


def test_a_thread_is_found_by_any_unique_end(store: ChatStore) -> None:
    one, two = store.threads.new(), store.threads.new()
    assert store.threads.find(one.id) == one
    assert store.threads.find(one.id[-8:].lower()) == one
    with pytest.raises(StoreError, match="more than one chat"):
        store.threads.find(two.id[:5])
    for wrong in ("", "nothing", "%", "_", "'; DROP TABLE thread; --", "\ud800"):
        with pytest.raises(StoreError, match="there is no chat"):
            store.threads.find(wrong)


def test_settings_and_system_prompt(store: ChatStore) -> None:
    thread = store.threads.new()
    store.threads.set_system(thread.id, "be kind")
    changed = store.threads.set_settings(thread.id, {"stop": ["a"], "seed": None})
    assert changed == store.threads.get(thread.id)
    assert (changed.system, changed.settings) == ("be kind", {"stop": ["a"], "seed": None})


def test_a_missing_thread_is_one_line(store: ChatStore) -> None:
    id = new_id()
    for act in (store.threads.get, store.threads.delete, store.threads.pin, store.threads.fork):
        with pytest.raises(StoreError, match="there is no chat") as caught:
            act(id)
        assert caught.value.hint
