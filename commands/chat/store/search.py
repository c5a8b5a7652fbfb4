"""Finds messages by their words: FTS5 where SQLite has it, and a plain substring search elsewhere."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from ..text.oneline import one_line
from .database import Database
from .index import TABLE, TextIndex
from .messages import Role

NO_FULL_TEXT: Final = "this Python's SQLite has no FTS5: searching chats is slower and finds whole substrings only"

_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
"""Marks around a found word on their way out of SQLite: code points that are no characters."""

_AROUND: Final = 60
"""Characters before a found substring."""

_SNIPPET: Final = 200
_WORDS: Final = 24
_PLACE: Final = """(SELECT thread_id FROM thread_message JOIN thread ON thread.id = thread_id
    WHERE message_hash = message.hash ORDER BY updated DESC LIMIT 1)"""
_TEXT: Final = """(SELECT group_concat(text, char(10)) FROM
    (SELECT text FROM part WHERE message_hash = message.hash AND type = 'text' ORDER BY pos))"""


@dataclass(frozen=True)
class Hit:
    """One message that was found.

    Attributes:
        thread_id: The conversation it is in; the newest, when forks share it.
        title: That conversation's title.
        message_hash: The message.
        role: Who spoke.
        created: Seconds since 1970.
        snippet: The place, on one line, free of control characters.
        marks: Start and end of each found word in the snippet.
    """

    thread_id: str
    title: str
    message_hash: str
    role: Role
    created: float
    snippet: str
    marks: tuple[tuple[int, int], ...]


class Search:
    """Full-text search over all conversations.

    Attributes:
        notice: One line to show once when the search is a lesser one; empty otherwise.
    """

    def __init__(self, database: Database, index: TextIndex) -> None:
        self._database = database
        self._index = index
        self.notice = "" if index.available else NO_FULL_TEXT

    def find(self, query: str, *, limit: int = 50) -> list[Hit]:
        """Messages with all the words of ``query``, best first; ``"two words"`` in quotes must be neighbours.

        The last word may be unfinished. When no word matches, the query is looked for as it stands, which finds
        text of languages that do not put spaces between words.
        """
        query = one_line(query)  # FTS5 would end at a NUL.
        if not query:
            return []
        words = _match_expression(query)
        if words and self._index.available and (hits := self._by_words(words, limit)):
            return hits
        return self._by_substring(query.strip('"'), limit)

    def _by_words(self, words: str, limit: int) -> list[Hit]:
        sql = f"""SELECT message.hash, role, message.created, {_PLACE} AS thread_id,
                snippet({TABLE}, -1, ?, ?, '…', {_WORDS}) AS snippet
            FROM {TABLE} JOIN message ON message.id = {TABLE}.rowid
            WHERE {TABLE} MATCH ? ORDER BY bm25({TABLE}), message.id DESC LIMIT ?"""
        rows = self._database.rows(sql, (_OPEN, _CLOSE, words, limit))
        return [hit for row in rows if (hit := self._hit(row, row["snippet"])) is not None]

    def _by_substring(self, query: str, limit: int) -> list[Hit]:
        escaped = query.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        sql = f"""SELECT message.hash, role, message.created, {_PLACE} AS thread_id, {_TEXT} AS body
            FROM message WHERE role IN ('user', 'assistant') AND EXISTS (SELECT 1 FROM part
                WHERE message_hash = message.hash AND type = 'text' AND text LIKE ? ESCAPE '\\')
            ORDER BY message.id DESC LIMIT ?"""
        rows = self._database.rows(sql, (f"%{escaped}%", limit))
        return [hit for row in rows if (hit := self._hit(row, _cut_out(row["body"], query))) is not None]

    def _hit(self, row: sqlite3.Row, marked: str) -> Hit | None:
        thread_id = row["thread_id"]
        if thread_id is None:  # Deleted by another process between two reads.
            return None
        thread = self._database.row("SELECT title FROM thread WHERE id = ?", (thread_id,))
        title = "" if thread is None else thread["title"]
        snippet, marks = _unmark(one_line(marked))
        return Hit(thread_id, title, row["hash"], row["role"], row["created"], snippet, marks)


def _match_expression(query: str) -> str:
    """Every word quoted, so that nothing in it is an operator of FTS5; the last one is a prefix."""
    terms = []
    for number, piece in enumerate(query.split('"')):
        inside_quotes = number % 2 == 1
        terms += [piece.strip()] if inside_quotes else piece.split()
    terms = [term for term in terms if any(letter.isalnum() for letter in term)]
    open_end = "" if query.endswith('"') else "*"
    return " ".join(f'"{term}"' for term in terms) + open_end if terms else ""


def _cut_out(body: str, query: str) -> str:
    """The surroundings of the first place where ``query`` stands, with marks around it."""
    at = body.lower().find(query.lower())
    if at < 0 or len(body.lower()) != len(body):  # A letter whose lower case is two: positions would be off.
        return body[:_SNIPPET]
    start, end = max(0, at - _AROUND), at + len(query)
    tail = body[end : start + _SNIPPET]
    ends = "…" if end + len(tail) < len(body) else ""
    return f"{'…' if start else ''}{body[start:at]}{_OPEN}{body[at:end]}{_CLOSE}{tail}{ends}"


def _unmark(marked: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    text, marks, start = "", [], 0
    for letter in marked:
        if letter == _OPEN:
            start = len(text)
        elif letter == _CLOSE:
            marks.append((start, len(text)))
        else:
            text += letter
    return text, tuple(marks)
