"""Frees what no conversation holds any more."""

from __future__ import annotations

from typing import Final

from .database import Database
from .index import TextIndex

_UNHELD: Final = "NOT EXISTS (SELECT 1 FROM thread_message WHERE message_hash = message.hash)"


def collect_garbage(database: Database, index: TextIndex) -> None:
    """Deletes messages that no thread holds, then attachments and turns that no message and thread needs.

    Runs in the caller's transaction. One statement takes all messages: foreign keys are checked at its end, when
    parents and children are gone together.
    """
    index.remove(f"SELECT id FROM message WHERE {_UNHELD}")
    database.write(f"DELETE FROM message WHERE {_UNHELD}")
    database.write("DELETE FROM attachment WHERE NOT EXISTS (SELECT 1 FROM part WHERE attachment = sha256)")
    database.write("DELETE FROM turn WHERE thread_id IS NULL AND tip_hash IS NULL")
