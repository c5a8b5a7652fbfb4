"""Bytes that messages refer to, each once, under the SHA-256 of its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from .database import Database, Missing


@dataclass(frozen=True)
class Attachment:
    """A file's bytes and its type, such as ``image/png``."""

    sha256: str
    mime: str
    data: bytes


class Attachments:
    """Writes and reads attachments. One that no message refers to goes with the next deletion, so put it in the
    transaction that appends the message (`ChatStore.transaction`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, data: bytes, mime: str) -> str:
        """Keeps ``data`` and returns its key."""
        key = hashlib.sha256(data).hexdigest()
        with self._database.transaction():
            self._database.insert("attachment", {"sha256": key, "mime": mime, "bytes": data}, otherwise="IGNORE")
        return key

    def get(self, sha256: str) -> Attachment:
        """The bytes under a key.

        Raises:
            Missing: There are none.
        """
        row = self._database.row("SELECT * FROM attachment WHERE sha256 = ?", (sha256,))
        if row is None:
            raise Missing(f"there is no attachment {sha256[:12]} (any more)")
        return Attachment(row["sha256"], row["mime"], row["bytes"])
