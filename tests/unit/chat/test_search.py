"""Words are found in prompts and replies, with and without FTS5."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl_cli.chat.store.chat_store import ChatStore, memory_store, open_store
from sgl_cli.chat.store.index import TextIndex


@pytest.fixture(params=["fts5", "like"])
def library(request: pytest.FixtureRequest, store: ChatStore, monkeypatch: pytest.MonkeyPatch) -> ChatStore:
    """A store with three conversations, whose SQLite has FTS5 or not."""
    if request.param == "like":
        monkeypatch.setattr(store.search._index, "available", False)
    for prompt, reply in (
        ("How do I bake bread?", "Mix flour, water and yeast.\n\nLet the dough rest."),
        ("What is a café crème?", "Coffee with \x1b[31mcream\x1b[0m."),
        ("面包怎么做", "把面粉和水混合。"),
    ):
        thread = store.threads.new()
        store.messages.append(thread.id, "user", prompt)
        store.messages.append(thread.id, "assistant", reply)
    return store


def found(store: ChatStore, query: str) -> list[tuple[str, str]]:
    return [(hit.title, hit.role) for hit in store.search.find(query)]


def test_words_of_prompts_and_replies(library: ChatStore) -> None:
    assert found(library, "bread") == [("How do I bake bread?", "user")]
    assert found(library, "YEAST") == [("How do I bake bread?", "assistant")]
    assert found(library, "dou") == [("How do I bake bread?", "assistant")]
    assert found(library, "面粉") == [("面包怎么做", "assistant")]
    assert found(library, "nothing like it") == []
    assert found(library, "  ") == []


def test_words_need_not_be_neighbours() -> None:
    with memory_store() as store:
        thread = store.threads.new()
        store.messages.append(thread.id, "assistant", "Mix flour, water and yeast. A café.")
        assert found(store, "yeast mix")
        assert found(store, '"flour water"')
        assert not found(store, '"water flour"')
        assert found(store, "cafe")


def test_the_snippet_marks_the_words_and_is_clean(library: ChatStore) -> None:
    (hit,) = library.search.find("cream")
    assert hit.snippet == "Coffee with cream."
    assert [hit.snippet[start:end] for start, end in hit.marks] == ["cream"]
    (hit,) = library.search.find("dough")
    assert "\n" not in hit.snippet
    assert [hit.snippet[start:end] for start, end in hit.marks] == ["dough"]
    assert library.messages.get(hit.message_hash).text.startswith("Mix")


def test_deleted_chats_are_not_found(library: ChatStore) -> None:
    for row in library.threads.summaries():
        library.threads.delete(row.thread.id)
    assert found(library, "bread") == []


def test_a_fork_is_one_hit_in_the_newest_thread(store: ChatStore) -> None:
    thread = store.threads.new()
    store.messages.append(thread.id, "user", "needle")
    fork = store.threads.fork(thread.id)
    assert [hit.thread_id for hit in store.search.find("needle")] == [fork.id]


@given(
    st.text(alphabet=st.characters(codec=None), max_size=20) | st.text(alphabet='a"*^:-+(){}%_\\NEAR OTD', max_size=20)
)
def test_no_query_is_an_error(query: str) -> None:
    with memory_store() as store:
        thread = store.threads.new()
        store.messages.append(thread.id, "user", "a text")
        for available in (True, False):
            store.search._index.available = available
            store.search.find(query)


def test_a_sqlite_without_fts5_says_so_once_and_the_next_one_catches_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(path) as store:
        assert store.search.notice == ""
        old = store.threads.new()
        store.messages.append(old.id, "user", "before")
    original = TextIndex.__init__

    def without_fts5(self: TextIndex, database: object) -> None:
        monkeypatch.setattr(database, "row", lambda *_: None)
        original(self, database)  # type: ignore[arg-type]
        monkeypatch.undo()

    monkeypatch.setattr(TextIndex, "__init__", without_fts5)
    with open_store(path) as store:
        assert "no FTS5" in store.search.notice
        thread = store.threads.new()
        store.messages.append(thread.id, "user", "first word\nwithout index")
        store.threads.delete(old.id)
        assert len(store.search.find("without")) == 1
    with open_store(path) as store:
        assert len(store.search.find("index first")) == 1
        assert store.search.find("before") == []
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM message WHERE NOT indexed").fetchone() == (0,)
    connection.close()
