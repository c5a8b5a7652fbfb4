"""What each request was and how it went: the figures of the footer, kept for every reply."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, fields

from .database import Database
from .ids import new_id
from .parts import storable


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Measured numbers of one request; None where nobody said.

    Attributes:
        ttft_ms: Milliseconds until the first token.
        tpot_ms: Milliseconds per further token.
        input_tokens: Tokens of the prompt.
        output_tokens: Tokens of the reply.
        cached_tokens: Tokens of the prompt that the server still had.
        queue_ms: Milliseconds in the server's queue.
    """

    ttft_ms: float | None = None
    tpot_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    queue_ms: float | None = None


@dataclass(frozen=True)
class Turn:
    """One request.

    Attributes:
        id: A ULID.
        thread_id: The conversation; None after it was deleted while a fork still holds the reply.
        parent_hash: The message that was answered.
        tip_hash: The reply; None when there was none.
        url: Who was asked.
        model: Which model was asked for.
        params: Sampling parameters of the request.
        started: Seconds since 1970.
        figures: How it went.
        finish_reason: Why it ended; empty when it failed before.
        error: One line; empty when it did not fail.
    """

    id: str
    thread_id: str | None
    parent_hash: str | None
    tip_hash: str | None
    url: str
    model: str
    params: Mapping[str, object]
    started: float
    figures: Figures
    finish_reason: str
    error: str


class Turns:
    """Writes and reads the requests of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self,
        *,
        thread_id: str,
        parent_hash: str | None,
        tip_hash: str | None,
        url: str,
        model: str,
        params: Mapping[str, object],
        started: float,
        figures: Figures,
        finish_reason: str,
        error: str = "",
    ) -> Turn:
        """Keeps one request. A `Draft` does this by itself when it ends."""
        texts = (storable(url), storable(model))
        ends = (storable(finish_reason), storable(error))
        turn = Turn(new_id(), thread_id, parent_hash, tip_hash, *texts, params, started, figures, *ends)
        row = {name: value for name, value in vars(turn).items() if name != "figures"}
        with self._database.transaction():
            self._database.insert("turn", row | {"params": json.dumps(dict(params))} | vars(figures))
        return turn

    def of_message(self, hash: str) -> Turn | None:
        """The request that a message is the reply to."""
        row = self._database.row(
            "SELECT * FROM turn WHERE tip_hash = ? ORDER BY started DESC, id DESC LIMIT 1", (hash,)
        )
        return None if row is None else _read(row)

    def of_thread(self, thread_id: str) -> list[Turn]:
        """The requests of a conversation, oldest first."""
        rows = self._database.rows("SELECT * FROM turn WHERE thread_id = ? ORDER BY started, id", (thread_id,))
        return [_read(row) for row in rows]


def _read(row: sqlite3.Row) -> Turn:
    names = ("id", "thread_id", "parent_hash", "tip_hash", "url", "model", "started", "finish_reason", "error")
    figures = Figures(**{field.name: row[field.name] for field in fields(Figures)})
    return Turn(params=json.loads(row["params"]), figures=figures, **{name: row[name] for name in names})
