"""Conversations: their names, labels and settings, and which message each has come to."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from sgl.errors import echo

from ..text.oneline import last_line, one_line
from .database import Database, Missing, StoreError
from .garbage import collect_garbage
from .ids import LENGTH, new_id
from .index import TextIndex
from .parts import storable


@dataclass(frozen=True)
class Thread:
    """One conversation.

    Attributes:
        id: A ULID.
        title: One line; empty until the first prompt or a name is given.
        tip_hash: The message it has come to; None when it is empty.
        forked_from: The thread it was forked from, while that exists.
        archived: Hidden from the list.
        pinned: First in the list.
        tags: Labels, sorted.
        system: The system prompt; empty for none.
        settings: Sampling and other choices, as JSON values.
        created: Seconds since 1970.
        updated: When the last message came.
    """

    id: str
    title: str
    tip_hash: str | None
    forked_from: str | None
    archived: bool
    pinned: bool
    tags: tuple[str, ...]
    system: str
    settings: Mapping[str, object]
    created: float
    updated: float


@dataclass(frozen=True)
class Summary:
    """A conversation as a row of a list.

    Attributes:
        thread: The conversation.
        last_line: Last line of the message it has come to, free of control characters.
        messages: How many messages all its branches hold.
    """

    thread: Thread
    last_line: str
    messages: int


class Threads:
    """Reads and changes the conversations of a store; a method that names a missing one raises `Missing`."""

    def __init__(self, database: Database, index: TextIndex) -> None:
        self._database = database
        self._index = index

    def new(
        self,
        *,
        title: str = "",
        system: str = "",
        settings: Mapping[str, object] | None = None,
        tags: Iterable[str] = (),
        created: float | None = None,
        updated: float | None = None,
    ) -> Thread:
        """Starts an empty conversation; an imported one brings its times along."""
        made = time.time() if created is None else created
        touched = made if updated is None else updated
        tag_list = _clean_tags(tags)
        thread = Thread(
            new_id(), storable(one_line(title)), None, None, False, False, tag_list, storable(system), {}, made, touched
        )
        with self._database.transaction():
            row = vars(thread) | {"tags": json.dumps(tag_list), "settings": json.dumps(dict(settings or {}))}
            self._database.insert("thread", row)
            return self.get(thread.id)

    def get(self, id: str) -> Thread:
        """One conversation by its whole id."""
        row = self._database.row("SELECT * FROM thread WHERE id = ?", (id,))
        if row is None:
            raise Missing(f"there is no chat {echo(id)}", hint="'sgl chat --list' shows what there is")
        return _read(row)

    def find(self, words: str) -> Thread:
        """One conversation by what a person types: its id, or a beginning or an end of it that only one has."""
        key = words.strip().upper()
        if len(key) == LENGTH or not key.isalnum():
            return self.get(key)
        query = "SELECT * FROM thread WHERE id LIKE ? OR id LIKE ? LIMIT 2"
        rows = self._database.rows(query, (f"{key}%", f"%{key}"))
        if len(rows) > 1:
            raise StoreError(f"more than one chat is called {echo(words)}", hint="type more of its id")
        return _read(rows[0]) if rows else self.get(key)

    def latest(self) -> Thread | None:
        """The conversation that was spoken in last, for ``-c``; archived and empty ones do not count."""
        query = (
            "SELECT * FROM thread WHERE NOT archived AND tip_hash IS NOT NULL ORDER BY updated DESC, id DESC LIMIT 1"
        )
        row = self._database.row(query)
        return None if row is None else _read(row)

    def summaries(
        self, *, archived: bool = False, tag: str | None = None, title: str = "", limit: int = 200, offset: int = 0
    ) -> list[Summary]:
        """Conversations for a list: pinned first, then newest first.

        Args:
            archived: The archived ones instead of the others.
            tag: Only those with this label.
            title: Only those whose title holds this, in any case.
            limit: Most rows.
            offset: Rows to skip.
        """
        order = "ORDER BY pinned DESC, updated DESC, id DESC"
        # The page is cut first, so that messages are counted for its rows only.
        query = f"""SELECT page.*,
                (SELECT count(*) FROM thread_message WHERE thread_id = page.id) AS messages,
                (SELECT substr(text, -4000) FROM part WHERE message_hash = tip_hash AND type = 'text'
                    ORDER BY pos DESC LIMIT 1) AS ending
            FROM (SELECT * FROM thread WHERE archived = ? AND instr(lower(title), lower(?)) AND instr(tags, ?)
                {order} LIMIT ? OFFSET ?) AS page {order}"""
        # The labels are a JSON list: a label in its quotes stands there if and only if it is one of them.
        quoted = "[" if tag is None else json.dumps(tag)
        rows = self._database.rows(query, (archived, title, quoted, limit, offset))
        return [Summary(_read(row), last_line(row["ending"] or ""), row["messages"]) for row in rows]

    def tags(self) -> list[str]:
        """Every label in use."""
        rows = self._database.rows("SELECT DISTINCT tags FROM thread")
        return sorted({tag for row in rows for tag in json.loads(row["tags"])})

    def move(self, id: str, tip_hash: str | None) -> Thread:
        """Shows the branch that ends at ``tip_hash``, a message of the thread; None shows the empty beginning."""
        with self._database.transaction():
            member = "SELECT 1 FROM thread_message WHERE thread_id = ? AND message_hash = ?"
            if tip_hash is not None and self._database.row(member, (id, tip_hash)) is None:
                raise Missing(f"message {tip_hash[:12]} is not in this conversation (any more)")
            return self._change(id, "tip_hash", tip_hash)

    def rename(self, id: str, title: str) -> Thread:
        """Gives another title, put on one line."""
        return self._change(id, "title", storable(one_line(title)))

    def tag(self, id: str, tags: Iterable[str]) -> Thread:
        """Replaces the labels."""
        return self._change(id, "tags", json.dumps(_clean_tags(tags)))

    def pin(self, id: str, pinned: bool = True) -> Thread:
        """Keeps the conversation first in the list, or no longer."""
        return self._change(id, "pinned", pinned)

    def archive(self, id: str, archived: bool = True) -> Thread:
        """Takes the conversation out of the list, or puts it back."""
        return self._change(id, "archived", archived)

    def set_system(self, id: str, system: str) -> Thread:
        """Changes the system prompt; empty for none."""
        return self._change(id, "system", storable(system))

    def set_settings(self, id: str, settings: Mapping[str, object]) -> Thread:
        """Replaces the settings."""
        return self._change(id, "settings", json.dumps(dict(settings)))

    def fork(self, id: str, at_hash: str | None = None) -> Thread:
        """A new conversation that goes on from the same messages; nothing is copied.

        Args:
            id: The conversation to fork.
            at_hash: The message to go on from; its tip by default.
        """
        with self._database.transaction():
            old = self.get(id)
            tip = old.tip_hash if at_hash is None else at_hash
            new = self.new(title=old.title, system=old.system, settings=old.settings, tags=old.tags)
            share = """INSERT INTO thread_message (thread_id, message_hash)
                WITH RECURSIVE path(hash, depth) AS (
                    SELECT ?, 0 UNION ALL
                    SELECT message.parent_hash, depth + 1 FROM message JOIN path ON message.hash = path.hash
                    WHERE message.parent_hash IS NOT NULL)
                SELECT ?, hash FROM path JOIN thread_message AS old ON old.message_hash = hash AND old.thread_id = ?
                ORDER BY depth DESC"""
            self._database.write(share, (tip, new.id, id))
            self._change(new.id, "forked_from", id)
            return self.move(new.id, tip)

    def delete(self, id: str) -> None:
        """Deletes a conversation, and the messages that no other one holds."""
        with self._database.transaction():
            self.get(id)
            self._database.write("DELETE FROM thread WHERE id = ?", (id,))
            collect_garbage(self._database, self._index)

    def _change(self, id: str, column: str, value: object) -> Thread:
        with self._database.transaction():
            self._database.write(f"UPDATE thread SET {column} = ? WHERE id = ?", (value, id))
            return self.get(id)


def _clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({storable(one_line(tag)) for tag in tags} - {""}))


def _read(row: sqlite3.Row) -> Thread:
    values = {field.name: row[field.name] for field in fields(Thread)}
    values["tags"] = tuple(json.loads(row["tags"]))
    values["settings"] = json.loads(row["settings"])
    return Thread(**{**values, "archived": bool(row["archived"]), "pinned": bool(row["pinned"])})
