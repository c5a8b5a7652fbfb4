"""What was typed before, over all conversations: for the arrow keys and the reverse search."""

from __future__ import annotations

import time
from typing import Final

from .database import Database
from .parts import storable

MOST: Final = 5000
"""Prompts that are kept."""


class Prompts:
    """The history of prompts: each text once, at the place of its last use."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, text: str) -> None:
        """Puts a prompt at the end; blank ones are not kept, and the oldest falls out."""
        text = storable(text)
        if not text.strip():
            return
        with self._database.transaction():
            self._database.write("DELETE FROM prompt_history WHERE text = ?", (text,))
            self._database.insert("prompt_history", {"text": text, "used": time.time()})
            oldest = "SELECT id FROM prompt_history ORDER BY id DESC LIMIT -1 OFFSET ?"
            self._database.write(f"DELETE FROM prompt_history WHERE id IN ({oldest})", (MOST,))

    def recent(self, *, containing: str = "", limit: int = 500) -> list[str]:
        """Prompts, newest first; only those that hold ``containing``, in any case of ASCII letters."""
        query = "SELECT text FROM prompt_history WHERE instr(lower(text), lower(?)) ORDER BY id DESC LIMIT ?"
        return [row["text"] for row in self._database.rows(query, (containing, limit))]

    def clear(self) -> None:
        """Forgets them all."""
        with self._database.transaction():
            self._database.write("DELETE FROM prompt_history")
