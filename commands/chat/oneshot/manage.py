"""``--list``, ``--export``, ``--import`` and ``--delete``: stored conversations, without a server."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

from sgl.terminal import Terminal

from ..store.chat_store import ChatStore
from ..store.threads import Summary
from ..text.oneline import fit
from ..text.sanitize import sanitize
from ..transfer.export import Format, export_thread
from ..transfer.importing import import_file

SHORT_ID: Final = 8
"""Letters that are shown of an id: its end, for its beginning is the time and much the same for all of one day."""


def list_threads(store: ChatStore, *, as_json: bool) -> int:
    """Prints the conversations, the newest first; returns the exit code."""
    rows = store.threads.summaries(limit=-1)
    if as_json:
        print(json.dumps([_document(row) for row in rows], indent=2))
        return 0
    if not rows:
        print("there are no chats yet", file=sys.stderr)
        return 0
    terminal = Terminal(sys.stdout)
    for row in rows:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.thread.updated))
        line = f"{row.thread.id[-SHORT_ID:]}  {when}  {row.messages:>4}  {row.thread.title or '(no title)'}"
        print(terminal.fit(fit(line, terminal.columns) if sys.stdout.isatty() else line))
    return 0


def export(store: ChatStore, words: str, format: Format) -> int:
    """Prints a conversation; returns the exit code."""
    text = export_thread(store, store.threads.find(words).id, format)
    clean = sanitize(text) if sys.stdout.isatty() else text
    sys.stdout.write(clean if clean.endswith("\n") else clean + "\n")
    return 0


def import_chats(store: ChatStore, path: Path) -> int:
    """Reads conversations of this or another program, and prints their ids; returns the exit code."""
    imported = import_file(store, path)
    for thread in imported.threads:
        print(thread.id)
    skipped = f"; {imported.skipped} without content left out" if imported.skipped else ""
    chats = "1 chat" if len(imported.threads) == 1 else f"{len(imported.threads)} chats"
    print(f"imported {chats} with {imported.messages} messages from {imported.source}{skipped}", file=sys.stderr)
    return 0


def delete(store: ChatStore, words: str) -> int:
    """Deletes a conversation; returns the exit code."""
    thread = store.threads.find(words)
    store.threads.delete(thread.id)
    print(f"deleted {thread.id[-SHORT_ID:]}: {thread.title or '(no title)'}", file=sys.stderr)
    return 0


def _document(row: Summary) -> dict[str, Any]:
    thread = row.thread
    return {
        "id": thread.id,
        "title": thread.title,
        "messages": row.messages,
        "last_line": row.last_line,
        "pinned": thread.pinned,
        "tags": list(thread.tags),
        "created": thread.created,
        "updated": thread.updated,
    }
