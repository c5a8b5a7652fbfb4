"""Files of ours and of other programs into the store: the format is found out, never asked for."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ..store.chat_store import ChatStore
from ..store.threads import Thread
from ..text.oneline import one_line
from .chatgpt import is_chatgpt, read_chatgpt
from .conversation import Conversation, TransferError, save_conversation
from .llm_log import read_llm_log
from .native import is_native, read_native
from .openwebui import is_openwebui, read_openwebui

Source = Literal["sgl", "ChatGPT", "Open WebUI", "llm"]

MOST_BYTES: Final = 1 << 30
"""Largest JSON file that is read; it is held in memory."""

_SQLITE: Final = b"SQLite format 3\x00"
_ZIP: Final = b"PK\x03\x04"
_KNOWN: Final = "sgl's own json, ChatGPT's conversations.json, Open WebUI's export and the logs.db of llm can be read"


@dataclass(frozen=True)
class Imported:
    """What an import brought.

    Attributes:
        source: Which program wrote the file.
        threads: The new conversations.
        messages: How many messages they hold.
        skipped: Conversations without content.
    """

    source: Source
    threads: tuple[Thread, ...]
    messages: int
    skipped: int


def import_file(store: ChatStore, path: Path) -> Imported:
    """Reads a file and writes its conversations as new threads, branches included.

    Each conversation is one transaction, so that other chats can save theirs meanwhile; an import that fails or is
    interrupted takes back what it wrote.

    Raises:
        TransferError: The file cannot be read, or no known program wrote it.
        StoreError: The store cannot be written.
    """
    source, found = read_conversations(path)
    with_content = [each for each in found if each is not None]
    threads: list[Thread] = []
    try:
        for each in with_content:
            threads.append(save_conversation(store, each))
    except BaseException:
        for thread in threads:
            store.threads.delete(thread.id)
        raise
    messages = sum(len(each.nodes) for each in with_content)
    return Imported(source, tuple(threads), messages, len(found) - len(with_content))


def read_conversations(path: Path) -> tuple[Source, list[Conversation | None]]:
    """Reads a file without writing anything; a conversation without content is None.

    Raises:
        TransferError: The file cannot be read, or no known program wrote it.
    """
    start = _read(path, len(_SQLITE))
    if start == _SQLITE:
        return "llm", [*read_llm_log(path)]
    if start.startswith(_ZIP):
        raise TransferError(f"{one_line(str(path))} is an archive", hint="unpack it and give its conversations.json")
    value = _parse(path)
    if is_native(value):
        return "sgl", [*read_native(value)]
    if is_chatgpt(value):
        return "ChatGPT", _each(value, read_chatgpt)
    if is_openwebui(value):
        return "Open WebUI", _each(value, read_openwebui)
    raise TransferError(f"{one_line(str(path))} is of no known format", hint=_KNOWN)


def _each(value: object, read: Callable[[object], Conversation | None]) -> list[Conversation | None]:
    entries: Iterable[object] = value if isinstance(value, list) else [value]
    return [read(entry) for entry in entries]


def _parse(path: Path) -> object:
    try:
        return json.loads(_read(path, MOST_BYTES + 1))
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise TransferError(f"{one_line(str(path))} is not JSON: {reason}", hint=_KNOWN) from error


def _read(path: Path, most: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise TransferError(f"{one_line(str(path))} is not a file", hint=_KNOWN)
            if most > MOST_BYTES and status.st_size > MOST_BYTES:
                raise TransferError(
                    f"{one_line(str(path))} is larger than {MOST_BYTES >> 20} MiB", hint="import a part of it"
                )
            return file.read(most)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TransferError(f"{one_line(str(path))} cannot be read: {reason}") from error
