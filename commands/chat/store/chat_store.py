"""`ChatStore`: the conversations, opened from a file or kept in memory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from .attachments import Attachments
from .database import Database, StoreError, memory_database, open_database
from .drafts import Drafts
from .index import TextIndex
from .messages import Message, Messages
from .prompts import Prompts
from .search import Search
from .threads import Threads
from .turns import Turns


class ChatStore:
    """Everything that is kept, by kind. Several threads may share it, and several processes the file.

    Attributes:
        path: The file; None when nothing is saved.
        threads: Conversations.
        messages: Their trees.
        drafts: Replies that are streaming.
        turns: Requests and their figures.
        attachments: Bytes of images.
        prompts: What was typed.
        search: Finds messages.
        recovered: Replies of chats that died while streaming, saved by this opening.
    """

    def __init__(self, database: Database) -> None:
        self.path = database.path
        self._database = database
        index = TextIndex(database)
        self.messages = Messages(database, index)
        self.threads = Threads(database, index)
        self.turns = Turns(database)
        self.attachments = Attachments(database)
        self.prompts = Prompts(database)
        self.search = Search(database, index)
        self.drafts = Drafts(database, self.messages, self.turns)
        self.recovered: tuple[Message, ...] = tuple(self.drafts.recover())

    def transaction(self) -> AbstractContextManager[None]:
        """Makes several calls one: all or nothing, and faster. An exception must leave it."""
        return self._database.transaction()

    def close(self) -> None:
        """Ends open drafts as interrupted, then the connection."""
        try:
            self.drafts.close()
        finally:
            self._database.close()

    def __enter__(self) -> ChatStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def default_path(environ: Mapping[str, str] = os.environ) -> Path:
    """``$XDG_DATA_HOME/sgl/chat.db``; the folder is ``~/.local/share`` where the variable is not set.

    Raises:
        StoreError: There is no home folder.
    """
    data = environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(data):  # The specification says to ignore any other value.
        return Path(data) / "sgl" / "chat.db"
    try:
        return Path.home() / ".local" / "share" / "sgl" / "chat.db"
    except RuntimeError as error:
        hint = "set HOME or XDG_DATA_HOME; --db PATH keeps chats in another file, --no-save in none"
        raise StoreError("there is no home folder to keep chats in", hint=hint) from error


def open_store(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> ChatStore:
    """Opens the conversations of ``path``, or of `default_path`; the file is made when it is missing.

    Raises:
        StoreError: The file cannot be written, is damaged, is not ours, or is of a newer version.
    """
    database = open_database(default_path(environ) if path is None else path)
    try:
        return ChatStore(database)
    except BaseException:
        database.close()
        raise


def memory_store() -> ChatStore:
    """A store that is gone when it is closed: ``--no-save``."""
    return ChatStore(memory_database())
