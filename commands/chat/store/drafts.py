"""Replies while they stream: kept on disk as they come, so that a kill loses nothing that was read.

A message is named by its content, so a text that grows cannot be one. It lives in a row of ``draft`` instead, and
becomes a message in the transaction that deletes the row. The row of a process that died becomes a message that
ends with ``interrupted`` when the store is opened next.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final

from sgl.errors import SglError

from .database import Database, Missing, StoreError
from .ids import new_id
from .messages import Message, Messages
from .owner import Owner
from .parts import Part, Parts, Text, part_from_json, part_to_json, storable, storable_part
from .turns import Figures, Turns

INTERVAL_SECONDS: Final = 0.05
"""Time between two saves: that of two frames of a screen, which shows what is on disk (`Draft.on_disk`)."""

REST: Final = 20
"""After a save that took long, the next one waits this many times as long: a large text does not keep a disk busy."""

RETRY_SECONDS: Final = 0.5
"""Time until a save that failed is tried again."""

INTERRUPTED: Final = "interrupted"


class Draft:
    """One reply that is streaming. Not to be made by hand: `Drafts.begin`.

    Attributes:
        id: A ULID; the nonce of the message that it becomes.
        problem: Why the last save failed; None when it did not. Streaming goes on.
        on_disk: How many calls of `update` are on disk.
    """

    def __init__(
        self,
        drafts: Drafts,
        *,
        thread_id: str,
        parent_hash: str | None,
        url: str,
        model: str,
        params: Mapping[str, object],
        parts: Parts,
    ) -> None:
        self.id = new_id()
        self.thread_id = thread_id
        self.parent_hash = parent_hash
        self.url = url
        self.model = model
        self.params = params
        self.started = time.time()
        self.problem: SglError | None = None
        self._drafts = drafts
        self._parts = parts
        self._saved = parts
        self._updates = 0
        self.on_disk = 0
        self._news = threading.Event()
        self._ended = False
        self._saver = threading.Thread(target=self._save_regularly, name=f"draft {self.id}", daemon=True)

    @property
    def parts(self) -> Parts:
        """What the reply is so far."""
        return self._parts

    def update(self, parts: Sequence[Part]) -> None:
        """Says what the reply is now, all of it. Never waits: another thread writes it."""
        self._parts = tuple(parts)
        self._updates += 1
        self._news.set()

    def save(self) -> None:
        """Writes what is not written yet, at once.

        Raises:
            StoreError: The file cannot be written.
        """
        updates, parts = self._updates, self._parts  # In this order: the parts are those of the count, or newer.
        if parts is not self._saved:
            self._drafts.write(self.id, parts)
            self._saved = parts
        self.on_disk = updates

    def finish(
        self,
        finish_reason: str,
        *,
        parts: Sequence[Part] | None = None,
        figures: Figures | None = None,
        error: str = "",
    ) -> Message | None:
        """Turns the draft into a message, moves the thread's tip to it and records the turn, all or nothing.

        Args:
            finish_reason: Why it ended: ``stop``, ``length``, ``tool_calls``, ``cancelled``, ``error``...
            parts: The whole reply; by default what the last `update` said.
            figures: Measured numbers.
            error: One line; the turn keeps it.

        Returns:
            The message; None for a reply without content, of which only the turn is kept.

        Raises:
            Missing: The conversation was deleted meanwhile.
            StoreError: The file cannot be written; the draft stays, and this may be tried again.
        """
        if parts is not None:
            self._parts = tuple(parts)
        message = self._drafts.finish(self, finish_reason, figures or Figures(), error)
        self.abandon()
        return message

    def discard(self) -> None:
        """Drops the draft, and keeps no turn."""
        self.abandon()
        self._drafts.drop(self)

    def start_saving(self) -> None:
        """Starts the thread that saves; `Drafts.begin` does this."""
        self._saver.start()

    def abandon(self) -> None:
        """Stops saving; what is on disk stays."""
        self._ended = True  # Not joined: its last save, if any, finds no row, and may wait for our transaction.
        self._news.set()

    def _save_regularly(self) -> None:
        while self._news.wait() and not self._ended:
            self._news.clear()
            began = time.monotonic()
            try:
                self.save()
                self.problem = None
            except SglError as error:
                self.problem = error
                self._news.set()  # It is tried again.
            took = time.monotonic() - began
            time.sleep(max(INTERVAL_SECONDS if self.problem is None else RETRY_SECONDS, REST * took))


class Drafts:
    """Begins and ends drafts, and recovers those of processes that died."""

    def __init__(self, database: Database, messages: Messages, turns: Turns) -> None:
        self._database = database
        self._messages = messages
        self._turns = turns
        self._owner = Owner(database.path)
        self._open: dict[str, Draft] = {}

    def begin(
        self,
        thread_id: str,
        parent_hash: str | None,
        *,
        url: str = "",
        model: str = "",
        params: Mapping[str, object] | None = None,
        parts: Sequence[Part] = (),
    ) -> Draft:
        """Begins a reply to ``parent_hash``.

        To regenerate a reply, give its parent; to continue one, give its parent and its parts.

        Raises:
            Missing: There is no such conversation or message.
            StoreError: The file cannot be written.
        """
        draft = Draft(
            self,
            thread_id=thread_id,
            parent_hash=parent_hash,
            url=storable(url),
            model=storable(model),
            params=dict(params or {}),
            parts=tuple(parts),
        )
        self._messages.check_member(thread_id, parent_hash)
        self._owner.hold()
        names = ("id", "thread_id", "parent_hash", "url", "model", "started")
        row: dict[str, object] = {name: getattr(draft, name) for name in names}
        with self._database.transaction():
            row |= {"params": json.dumps(draft.params), "owner": self._owner.id, "parts": _dump(draft.parts)}
            self._database.insert("draft", row)
        self._open[draft.id] = draft
        if self._database.path is not None:
            draft.start_saving()
        return draft

    def write(self, id: str, parts: Parts) -> None:
        """Replaces the saved text of a draft."""
        with self._database.transaction():
            self._database.write("UPDATE draft SET parts = ? WHERE id = ?", (_dump(parts), id))

    def finish(self, draft: Draft, finish_reason: str, figures: Figures, error: str) -> Message | None:
        """The work of `Draft.finish`."""
        with self._database.transaction():
            self._database.write("DELETE FROM draft WHERE id = ?", (draft.id,))
            message = None
            if _has_content(draft.parts):
                message = self._messages.insert(
                    draft.thread_id,
                    draft.parent_hash,
                    "assistant",
                    draft.parts,
                    model=draft.model,
                    finish_reason=finish_reason,
                    nonce=draft.id,
                    created=draft.started,
                )
            self._turns.record(
                thread_id=draft.thread_id,
                parent_hash=draft.parent_hash,
                tip_hash=None if message is None else message.hash,
                url=draft.url,
                model=draft.model,
                params=draft.params,
                started=draft.started,
                figures=figures,
                finish_reason=finish_reason,
                error=error,
            )
        self._forget(draft)
        return message

    def drop(self, draft: Draft) -> None:
        """The work of `Draft.discard`."""
        with self._database.transaction():
            self._database.write("DELETE FROM draft WHERE id = ?", (draft.id,))
        self._forget(draft)

    def recover(self) -> list[Message]:
        """Turns the drafts of dead processes into messages that end with ``interrupted``."""
        recovered = []
        dead: dict[str, bool] = {}
        for row in self._database.rows("SELECT id, owner FROM draft ORDER BY id"):
            if row["owner"] not in dead:
                dead[row["owner"]] = self._owner.is_dead(row["owner"])
            if dead[row["owner"]] and (message := self._recover(row["id"])) is not None:
                recovered.append(message)
        return recovered

    def close(self) -> None:
        """Ends the drafts of this process that are still open, as interrupted.

        Raises:
            StoreError: The file cannot be written; what was saved before is recovered by the next opening.
        """
        problem: StoreError | None = None
        for draft in list(self._open.values()):
            try:
                draft.finish(INTERRUPTED)
            except Missing:  # Its conversation was deleted, and the draft with it.
                draft.abandon()
            except StoreError as error:
                draft.abandon()
                problem = error
        self._open.clear()
        self._owner.release()
        if problem is not None:
            raise problem

    def _recover(self, id: str) -> Message | None:
        with self._database.transaction():
            row = self._database.row("SELECT * FROM draft WHERE id = ?", (id,))
            if row is None:  # Another process was faster.
                return None
            self._database.write("DELETE FROM draft WHERE id = ?", (id,))
            thread_id, parent_hash = row["thread_id"], row["parent_hash"]
            parts = _load(row["parts"])
            if not _has_content(parts):
                return None
            tip = self._database.row("SELECT tip_hash FROM thread WHERE id = ?", (thread_id,))
            message = self._messages.insert(
                thread_id,
                parent_hash,
                "assistant",
                parts,
                model=row["model"],
                finish_reason=INTERRUPTED,
                nonce=id,
                created=row["started"],
                # Somebody may have gone on in this conversation meanwhile.
                move_tip=tip is not None and tip["tip_hash"] == parent_hash,
            )
            self._turns.record(
                thread_id=thread_id,
                parent_hash=parent_hash,
                tip_hash=message.hash,
                url=row["url"],
                model=row["model"],
                params=json.loads(row["params"]),
                started=row["started"],
                figures=Figures(),
                finish_reason=INTERRUPTED,
            )
            return message

    def _forget(self, draft: Draft) -> None:
        self._open.pop(draft.id, None)


def _has_content(parts: Parts) -> bool:
    return any(part_to_json(part).get("text") != "" for part in parts)


def _dump(parts: Parts) -> str:
    return json.dumps([part_to_json(storable_part(part)) for part in parts])


def _load(text: str) -> Parts:
    try:
        return tuple(part_from_json(value) for value in json.loads(text))
    except ValueError:
        return (Text(text),)  # Damaged or of a newer version: what is there is kept as it is.
