"""The tables, as migrations: step ``i`` leads from version ``i`` to ``i + 1`` of ``PRAGMA user_version``.

A released step is never edited; a change is a new step. The full-text index is not among them, because it
exists only where SQLite has FTS5 (see `search`).

* ``message`` -- content-addressed nodes; ``parent_hash`` makes the tree. ``id`` is only the index's row number.
* ``part`` -- what a message is made of, in order.
* ``thread`` and ``thread_message`` -- a conversation, and the messages that belong to it: every branch of it, in
  the order they came. A member's parent is a member, so what no thread holds is closed under descendants.
* ``draft`` -- replies that are streaming now; ``owner`` names the process (see `drafts`).
* ``turn`` -- what a request was and how it went.
"""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x73676C43
"""``sglC`` in ``PRAGMA application_id``: tells our file from any other SQLite database."""

_VERSION_1: Final = (
    """CREATE TABLE attachment (
        sha256 TEXT PRIMARY KEY,
        mime TEXT NOT NULL,
        bytes BLOB NOT NULL
    )""",
    """CREATE TABLE message (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        hash TEXT NOT NULL UNIQUE,
        parent_hash TEXT REFERENCES message(hash),
        role TEXT NOT NULL,
        created REAL NOT NULL,
        model TEXT NOT NULL DEFAULT '',
        finish_reason TEXT NOT NULL DEFAULT '',
        nonce TEXT NOT NULL DEFAULT '',
        indexed INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX message_parent ON message(parent_hash)",
    "CREATE INDEX message_unindexed ON message(id) WHERE NOT indexed",
    """CREATE TABLE part (
        message_hash TEXT NOT NULL REFERENCES message(hash) ON DELETE CASCADE,
        pos INTEGER NOT NULL,
        type TEXT NOT NULL,
        text TEXT NOT NULL,
        payload TEXT NOT NULL,
        attachment TEXT REFERENCES attachment(sha256),
        PRIMARY KEY (message_hash, pos)
    )""",
    "CREATE INDEX part_attachment ON part(attachment) WHERE attachment IS NOT NULL",
    """CREATE TABLE thread (
        id TEXT PRIMARY KEY,
        title TEXT NOT NULL,
        tip_hash TEXT REFERENCES message(hash),
        forked_from TEXT REFERENCES thread(id) ON DELETE SET NULL,
        archived INTEGER NOT NULL DEFAULT 0,
        pinned INTEGER NOT NULL DEFAULT 0,
        tags TEXT NOT NULL DEFAULT '[]',
        system TEXT NOT NULL DEFAULT '',
        settings TEXT NOT NULL DEFAULT '{}',
        created REAL NOT NULL,
        updated REAL NOT NULL
    )""",
    "CREATE INDEX thread_updated ON thread(updated)",
    "CREATE INDEX thread_tip ON thread(tip_hash)",
    "CREATE INDEX thread_forked_from ON thread(forked_from)",
    """CREATE TABLE thread_message (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        thread_id TEXT NOT NULL REFERENCES thread(id) ON DELETE CASCADE,
        message_hash TEXT NOT NULL REFERENCES message(hash),
        UNIQUE (thread_id, message_hash)
    )""",
    "CREATE INDEX thread_message_hash ON thread_message(message_hash)",
    """CREATE TABLE draft (
        id TEXT PRIMARY KEY,
        thread_id TEXT NOT NULL REFERENCES thread(id) ON DELETE CASCADE,
        parent_hash TEXT REFERENCES message(hash) ON DELETE CASCADE,
        url TEXT NOT NULL,
        model TEXT NOT NULL,
        params TEXT NOT NULL,
        owner TEXT NOT NULL,
        started REAL NOT NULL,
        parts TEXT NOT NULL
    )""",
    "CREATE INDEX draft_thread ON draft(thread_id)",
    "CREATE INDEX draft_parent ON draft(parent_hash)",
    """CREATE TABLE turn (
        id TEXT PRIMARY KEY,
        thread_id TEXT REFERENCES thread(id) ON DELETE SET NULL,
        parent_hash TEXT REFERENCES message(hash) ON DELETE SET NULL,
        tip_hash TEXT REFERENCES message(hash) ON DELETE SET NULL,
        url TEXT NOT NULL,
        model TEXT NOT NULL,
        params TEXT NOT NULL,
        started REAL NOT NULL,
        ttft_ms REAL,
        tpot_ms REAL,
        input_tokens INTEGER,
        output_tokens INTEGER,
        cached_tokens INTEGER,
        queue_ms REAL,
        finish_reason TEXT NOT NULL,
        error TEXT NOT NULL
    )""",
    "CREATE INDEX turn_thread ON turn(thread_id)",
    "CREATE INDEX turn_parent ON turn(parent_hash)",
    "CREATE INDEX turn_tip ON turn(tip_hash)",
    """CREATE TABLE prompt_history (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        text TEXT NOT NULL UNIQUE,
        used REAL NOT NULL
    )""",
)

MIGRATIONS: Final = (_VERSION_1,)
VERSION: Final = len(MIGRATIONS)
"""The version this program reads and writes."""
