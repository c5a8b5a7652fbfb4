"""The tree of messages: each is named by a hash of its content and its parent, and never changes.

Edit and regenerate are new messages with the same parent, so nothing is ever lost. A thread holds every branch of
its conversation and points to the tip of the one that is shown.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from ..text.oneline import title_from
from .database import Database, Missing
from .garbage import collect_garbage
from .ids import new_id
from .index import TextIndex
from .parts import (
    Image,
    Part,
    Parts,
    Reasoning,
    Text,
    part_from_json,
    part_to_json,
    plain_text,
    storable,
    storable_part,
)

Role = Literal["system", "user", "assistant", "tool"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

_PATH: Final = """WITH RECURSIVE path(hash, depth) AS (
    SELECT ?, 0
    UNION ALL
    SELECT message.parent_hash, depth + 1 FROM message JOIN path ON message.hash = path.hash
    WHERE message.parent_hash IS NOT NULL
)"""
_BODY: Final = {"text": "text", "reasoning": "text", "tool_result": "output"}
"""Which field of a part's JSON form stands in the text column; the rest is its payload."""


@dataclass(frozen=True)
class Message:
    """One node of a tree.

    Attributes:
        hash: Its name: 64 hexadecimal digits.
        parent_hash: What it answers; None for the first of a conversation.
        role: Who speaks.
        parts: What it says.
        created: Seconds since 1970.
        model: Who generated it; empty for people.
        finish_reason: ``stop``, ``length``, ``tool_calls``, ``interrupted``...; empty for people.
        nonce: What tells two equal texts apart: replies are all distinct, equal edits of a prompt are one.
    """

    hash: str
    parent_hash: str | None
    role: Role
    parts: Parts
    created: float
    model: str = ""
    finish_reason: str = ""
    nonce: str = ""

    @property
    def text(self) -> str:
        """The text parts together."""
        return plain_text(self.parts)

    @property
    def reasoning(self) -> str:
        """The reasoning parts together."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Reasoning))


@dataclass(frozen=True)
class Siblings:
    """The messages that have one parent in a thread, oldest first, and which of them is meant."""

    hashes: tuple[str, ...]
    index: int

    @property
    def label(self) -> str:
        """Such as ``2/3``; empty for an only child."""
        return f"{self.index + 1}/{len(self.hashes)}" if len(self.hashes) > 1 else ""

    @property
    def previous(self) -> str | None:
        """The one before, if any."""
        return self.hashes[self.index - 1] if self.index else None

    @property
    def next(self) -> str | None:
        """The one after, if any."""
        return self.hashes[self.index + 1] if self.index + 1 < len(self.hashes) else None


def message_hash(role: str, parts: Parts, parent_hash: str | None, nonce: str) -> str:
    """SHA-256 over a canonical JSON list of everything that makes a message what it is."""
    content = ["sgl-chat-message-1", role, [part_to_json(part) for part in parts], parent_hash, nonce]
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Messages:
    """Reads and extends the trees of a store."""

    def __init__(self, database: Database, index: TextIndex) -> None:
        self._database = database
        self._index = index

    def append(
        self, thread_id: str, role: Role, parts: Sequence[Part] | str, *, model: str = "", finish_reason: str = ""
    ) -> Message:
        """Adds a message after the thread's tip and moves the tip to it; a string is one text part."""
        with self._database.transaction():
            parent = self._tip(thread_id)
            return self.insert(thread_id, parent, role, parts, model=model, finish_reason=finish_reason)

    def insert(
        self,
        thread_id: str,
        parent_hash: str | None,
        role: Role,
        parts: Sequence[Part] | str,
        *,
        model: str = "",
        finish_reason: str = "",
        nonce: str | None = None,
        created: float | None = None,
        move_tip: bool = True,
    ) -> Message:
        """Adds a message below ``parent_hash``, beside those that are there; the same message twice is one.

        Args:
            thread_id: The conversation.
            parent_hash: A message of the thread; None begins another branch at the very start.
            role: Who speaks.
            parts: What is said; a string is one text part. Bytes of an image must be among the attachments.
            model: Who generated it.
            finish_reason: Why it ended.
            nonce: See `Message`. By default a reply gets a new id, and the first message of a thread the thread's
                id, so that equal beginnings of two conversations stay two trees.
            created: Seconds since 1970; now by default.
            move_tip: Whether the thread shows it from now on.

        Raises:
            Missing: There is no such thread any more, or the parent is not one of its messages.
        """
        content: Parts = (Text(parts),) if isinstance(parts, str) else tuple(parts)
        content = tuple(storable_part(part) for part in content)
        if nonce is None:
            nonce = new_id() if role == "assistant" else thread_id if parent_hash is None else ""
        nonce = storable(nonce)
        name = message_hash(role, content, parent_hash, nonce)
        now = time.time()
        made = now if created is None else created
        message = Message(name, parent_hash, role, content, made, storable(model), storable(finish_reason), nonce)
        with self._database.transaction():
            self.check_member(thread_id, parent_hash)
            if not self._write(message):
                message = self.get(name)  # Said before, at another time.
            member = {"thread_id": thread_id, "message_hash": name}
            self._database.insert("thread_message", member, otherwise="IGNORE")
            if role == "user":
                title = title_from(message.text)
                self._database.write("UPDATE thread SET title = ? WHERE id = ? AND title = ''", (title, thread_id))
            if move_tip:
                change = "UPDATE thread SET tip_hash = ?, updated = max(updated, ?) WHERE id = ?"
                self._database.write(change, (name, now, thread_id))
        return message

    def edit(self, thread_id: str, old_hash: str, parts: Sequence[Part] | str) -> Message:
        """Says it differently: a sibling with the old one's role, which becomes the tip."""
        old = self.get(old_hash)
        return self.insert(thread_id, old.parent_hash, old.role, parts)

    def get(self, hash: str) -> Message:
        """One message.

        Raises:
            Missing: There is no such message.
        """
        found = self._load("SELECT * FROM message WHERE hash = ?", "VALUES (?)", (hash,))
        if not found:
            raise Missing(f"there is no message {hash[:12]} (any more)")
        return found[0]

    def path(self, tip_hash: str | None) -> list[Message]:
        """The messages from the first to ``tip_hash``; none for None."""
        query = f"{_PATH} SELECT message.* FROM path JOIN message USING (hash) ORDER BY depth DESC"
        return self._load(query, f"{_PATH} SELECT hash FROM path", (tip_hash,))

    def tree(self, thread_id: str) -> list[Message]:
        """Every message of every branch of a thread, each after its parent, in the order they came."""
        query = """SELECT message.* FROM thread_message JOIN message ON message.hash = message_hash
            WHERE thread_id = ? ORDER BY seq"""
        return self._load(query, "SELECT message_hash FROM thread_message WHERE thread_id = ?", (thread_id,))

    def children(self, thread_id: str, parent_hash: str | None) -> list[str]:
        """Hashes of the messages right below ``parent_hash`` in a thread, oldest first."""
        query = """SELECT message.hash FROM thread_message JOIN message ON message.hash = message_hash
            WHERE thread_id = ? AND parent_hash IS ? ORDER BY seq"""
        return [row["hash"] for row in self._database.rows(query, (thread_id, parent_hash))]

    def siblings(self, thread_id: str, hash: str) -> Siblings:
        """A message and those beside it, for ``<``, ``>`` and "2/3"."""
        hashes = tuple(self.children(thread_id, self.get(hash).parent_hash))
        if hash not in hashes:
            raise Missing(f"message {hash[:12]} is not in this conversation (any more)")
        return Siblings(hashes, hashes.index(hash))

    def leaf(self, thread_id: str, hash: str) -> str:
        """Where a branch through ``hash`` ends: follows the newest child. The tip to move to for a sibling."""
        newest: dict[str | None, str] = {}
        for row in self._links(thread_id):
            newest[row["parent_hash"]] = row["hash"]
        while hash in newest:
            hash = newest[hash]
        return hash

    def tips(self, thread_id: str) -> list[str]:
        """Where each branch of a thread ends, oldest first: for a list of branches."""
        links = self._links(thread_id)
        inner = {row["parent_hash"] for row in links}
        return [row["hash"] for row in links if row["hash"] not in inner]

    def remove(self, thread_id: str, hash: str) -> None:
        """Takes a message and everything below it out of a thread; the tip falls back to its parent."""
        with self._database.transaction():
            gone = {hash}
            for row in self._links(thread_id):  # Parents come before their children.
                if row["parent_hash"] in gone:
                    gone.add(row["hash"])
            parent = self.get(hash).parent_hash
            delete = "DELETE FROM thread_message WHERE thread_id = ? AND message_hash = ?"
            for name in gone:
                self._database.write(delete, (thread_id, name))
                self._database.write("DELETE FROM draft WHERE thread_id = ? AND parent_hash = ?", (thread_id, name))
            if self._tip(thread_id) in gone:
                self._database.write("UPDATE thread SET tip_hash = ? WHERE id = ?", (parent, thread_id))
            collect_garbage(self._database, self._index)

    def _tip(self, thread_id: str) -> str | None:
        row = self._database.row("SELECT tip_hash FROM thread WHERE id = ?", (thread_id,))
        if row is None:
            raise Missing("this conversation was deleted")
        tip: str | None = row["tip_hash"]
        return tip

    def _links(self, thread_id: str) -> list[sqlite3.Row]:
        query = """SELECT hash, parent_hash FROM thread_message JOIN message ON hash = message_hash
            WHERE thread_id = ? ORDER BY seq"""
        return self._database.rows(query, (thread_id,))

    def check_member(self, thread_id: str, parent_hash: str | None) -> None:
        """Raises `Missing` when there is no such thread, or the message is not one of it."""
        self._tip(thread_id)
        query = "SELECT 1 FROM thread_message WHERE thread_id = ? AND message_hash = ?"
        if parent_hash is not None and self._database.row(query, (thread_id, parent_hash)) is None:
            raise Missing(f"message {parent_hash[:12]} is not in this conversation (any more)")

    def _write(self, message: Message) -> bool:
        """Writes a message; returns False when it is there already."""
        row = {name: value for name, value in vars(message).items() if name != "parts"}
        if not self._database.insert("message", row, otherwise="IGNORE"):
            return False
        for position, part in enumerate(message.parts):
            payload = part_to_json(part)
            body = payload.pop(_BODY.get(payload["type"], ""), "")
            sha256 = (part.sha256 or None) if isinstance(part, Image) else None
            values = {"message_hash": message.hash, "pos": position, "type": payload["type"], "text": body}
            self._database.insert("part", values | {"payload": json.dumps(payload), "attachment": sha256})
        self._index.add(message.hash, message.role, message.text)
        return True

    def _load(self, query: str, hashes: str, values: Sequence[object]) -> list[Message]:
        parts: dict[str, list[Part]] = {}
        columns = "SELECT message_hash, text, payload FROM part WHERE message_hash IN"
        for row in self._database.rows(f"{columns} ({hashes}) ORDER BY message_hash, pos", values):
            parts.setdefault(row["message_hash"], []).append(_read_part(row))
        return [_read_message(row, parts.get(row["hash"], ())) for row in self._database.rows(query, values)]


def _read_part(row: sqlite3.Row) -> Part:
    payload = json.loads(row["payload"])
    if body := _BODY.get(payload["type"]):
        payload[body] = row["text"]
    return part_from_json(payload)


def _read_message(row: sqlite3.Row, parts: Iterable[Part]) -> Message:
    names = ("hash", "parent_hash", "role", "created", "model", "finish_reason", "nonce")
    return Message(parts=tuple(parts), **{name: row[name] for name in names})
