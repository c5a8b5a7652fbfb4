"""The full-text index of messages: SQLite's FTS5 where there is one, nothing elsewhere.

The index is filled by code and not by triggers, so that a SQLite without FTS5 can still write the file; the column
``message.indexed`` remembers what is missing, and the next SQLite with FTS5 catches up when it opens.
"""

from __future__ import annotations

from typing import Final

from .database import Database

TABLE: Final = "message_fts"
_SPOKEN: Final = ("user", "assistant")
_TEXT: Final = """(SELECT group_concat(text, char(10)) FROM
    (SELECT text FROM part WHERE message_hash = message.hash AND type = 'text' ORDER BY pos))"""


class TextIndex:
    """Prompts and responses as two columns of words.

    Attributes:
        available: Whether this SQLite has FTS5.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.available = database.row("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'") is not None
        if self.available:
            self._catch_up()

    def add(self, hash: str, role: str, text: str) -> None:
        """Indexes a message that was just inserted; part of the caller's transaction."""
        if not self.available:
            return
        if text and role in _SPOKEN:
            column = "prompt" if role == "user" else "response"
            insert = f"INSERT INTO {TABLE} (rowid, {column}) SELECT id, ? FROM message WHERE hash = ?"
            self._database.write(insert, (text, hash))
        self._database.write("UPDATE message SET indexed = 1 WHERE hash = ?", (hash,))

    def remove(self, rows: str) -> None:
        """Forgets the messages whose ``id`` the query ``rows`` yields; part of the caller's transaction."""
        if self.available:
            self._database.write(f"DELETE FROM {TABLE} WHERE rowid IN ({rows})")

    def _catch_up(self) -> None:
        known = self._database.row("SELECT 1 FROM sqlite_master WHERE name = ?", (TABLE,)) is not None
        if known and self._database.row("SELECT 1 FROM message WHERE NOT indexed LIMIT 1") is None:
            return
        with self._database.transaction():
            tokens = "tokenize = 'unicode61 remove_diacritics 2'"
            self._database.write(f"CREATE VIRTUAL TABLE IF NOT EXISTS {TABLE} USING fts5(prompt, response, {tokens})")
            for role, column in zip(_SPOKEN, ("prompt", "response"), strict=True):
                missing = f"FROM message WHERE NOT indexed AND role = '{role}'"
                self._database.write(f"INSERT INTO {TABLE} (rowid, {column}) SELECT id, {_TEXT} {missing}")
            self._database.write("UPDATE message SET indexed = 1 WHERE NOT indexed")
