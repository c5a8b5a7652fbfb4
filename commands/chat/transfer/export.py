"""Conversations to text, in the format of a name."""

from __future__ import annotations

from typing import Final, Literal, get_args

from ..store.chat_store import ChatStore
from .markdown import write_markdown
from .native import write_native
from .openai import write_jsonl
from .page import write_page

Format = Literal["md", "json", "jsonl", "html"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)


def export_thread(store: ChatStore, thread_id: str, format: Format) -> str:
    """One conversation.

    * ``md`` and ``html`` -- for people: the branch that is shown
    * ``json`` -- everything, to be imported again
    * ``jsonl`` -- the branch that is shown, as OpenAI messages

    Raises:
        StoreError: There is no such conversation.
    """
    match format:
        case "md":
            return write_markdown(store, thread_id)
        case "json":
            return write_native(store, [thread_id])
        case "jsonl":
            return write_jsonl(store, [thread_id])
        case "html":
            return write_page(store, thread_id)


def export_all(store: ChatStore) -> str:
    """All conversations as our JSON, the archived ones, too: a backup."""
    rows = [*store.threads.summaries(limit=-1), *store.threads.summaries(archived=True, limit=-1)]
    return write_native(store, [row.thread.id for row in reversed(rows)])
