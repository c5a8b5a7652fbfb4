"""One SQLite connection: opened with care for what is there already, and errors as one line each.

Nothing is written before the file is known to be ours or empty, so a wrong path never costs anybody data.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sgl.errors import SglError

from . import schema
from .parts import storable

BUSY_SECONDS: Final = 10.0
"""How long a write waits for another chat's write."""

_HEADER: Final = b"SQLite format 3\x00"
_RETRY_SECONDS: Final = 0.02
_ELSEWHERE: Final = "--db PATH keeps chats in another file, --no-save in none"


class StoreError(SglError):
    """The file of conversations cannot be used, or does not hold what was asked for."""


class Missing(StoreError):
    """A conversation, message or attachment is not there (any more); another process may have deleted it."""


class Database:
    """A connection that several threads may share. Writes happen inside `transaction` only.

    Attributes:
        path: The file; None for a database in memory.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path | None) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.RLock()
        self._depth = 0

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        """Runs one query and returns all its rows."""
        with self._lock, explained(self.path):
            return self._connection.execute(sql, _bindable(values)).fetchall()

    def row(self, sql: str, values: Sequence[object] = ()) -> sqlite3.Row | None:
        """Runs one query and returns its first row."""
        with self._lock, explained(self.path):
            found: sqlite3.Row | None = self._connection.execute(sql, _bindable(values)).fetchone()
            return found

    def write(self, sql: str, values: Sequence[object] = ()) -> int:
        """Runs one statement of a transaction and returns how many rows it changed."""
        with self._lock, explained(self.path):
            assert self._depth, "writes belong into a transaction"
            return self._connection.execute(sql, _bindable(values)).rowcount

    def insert(self, table: str, values: Mapping[str, object], *, otherwise: str = "ABORT") -> int:
        """Inserts one row; ``otherwise`` is SQLite's conflict clause. Returns how many rows came."""
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        return self.write(f"INSERT OR {otherwise} INTO {table} ({names}) VALUES ({marks})", list(values.values()))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. One inside another is part of it; an exception must leave them both."""
        with self._lock:
            if self._depth == 0:
                with explained(self.path):
                    self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
                if self._depth == 1:
                    with explained(self.path):
                        self._connection.execute("COMMIT")
            finally:
                self._depth -= 1
                if self._depth == 0 and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Ends the connection; a second call does nothing."""
        with self._lock:
            self._connection.close()


def open_database(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> Database:
    """Opens the file, creating or upgrading it.

    Raises:
        StoreError: It cannot be written, is damaged, is not ours, or is of a newer version.
    """
    _prepare(path)
    with explained(path):
        connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("BEGIN")  # One view of the file: another process may be just creating it.
            _refuse_foreign(connection, path)
            connection.execute("COMMIT")
            _use_write_ahead_log(connection, busy_seconds)
            _set_up(connection, path)
        except BaseException:
            connection.close()
            raise
    return Database(connection, path)


def memory_database() -> Database:
    """A database that is gone when it is closed."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _set_up(connection, Path(":memory:"))
    return Database(connection, None)


@contextmanager
def explained(path: Path | None) -> Iterator[None]:
    """Turns an error of SQLite into a `StoreError` that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(error, path) from error


def _bindable(values: Sequence[object]) -> list[object]:
    """Text from a terminal or a search box may hold what SQLite cannot take."""
    return [storable(value) if isinstance(value, str) else value for value in values]


def _explain(error: sqlite3.Error, path: Path | None) -> StoreError:
    text = str(error).lower()
    name = "the chat database" if path is None else str(path)
    if "not a database" in text:
        return StoreError(f"{name} is not a chat database", hint=f"move it away; {_ELSEWHERE}")
    if "malformed" in text or "no such table" in text or "no such column" in text or "corrupt" in text:
        hint = f"'sqlite3 {name} .recover' may save what it holds; move it away and the next chat starts a new one"
        return StoreError(f"{name} is damaged ({error})", hint=hint)
    if "readonly" in text or "unable to open" in text:
        return StoreError(f"{name} cannot be written ({error})", hint=_ELSEWHERE)
    if "full" in text:
        return StoreError(f"the disk of {name} is full", hint=f"make room; {_ELSEWHERE}")
    if "locked" in text or "busy" in text:
        return StoreError(f"{name} is in use: another program holds its lock", hint=f"end it; {_ELSEWHERE}")
    return StoreError(f"{name}: {error}", hint=_ELSEWHERE)


def _prepare(path: Path) -> None:
    """Makes folder and file, for the owner's eyes only, and refuses a file that is something else."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its helper files the mode of this one, so it must exist with the right mode before.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                os.fchmod(file.fileno(), 0o600)
            start = file.read(len(_HEADER))
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror or error}", hint=_ELSEWHERE) from error
    if start and start != _HEADER:
        raise StoreError(f"{path} is not a chat database", hint=f"it was left as it is; {_ELSEWHERE}")


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    """Reads only. Runs in a transaction, so that what it reads belongs together."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != schema.APPLICATION_ID:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application or version or tables:
            hint = f"it was left as it is; 'sgl chat --import {path}' reads databases of llm; {_ELSEWHERE}"
            raise StoreError(f"{path} is the database of another program", hint=hint)
    elif version > schema.VERSION:
        hint = f"upgrade sgl; {_ELSEWHERE}"
        raise StoreError(f"{path} was written by a newer sgl (version {version} of its tables)", hint=hint)


def _use_write_ahead_log(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Switches to WAL, so that readers and a writer do not block each other and a kill loses no commit.

    SQLite does not wait for its lock here; two first starts at once would otherwise fail. A file system that
    cannot do it (a network share) keeps the slower journal.
    """
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            if mode != "wal":
                connection.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")  # With WAL: a killed process loses nothing.
    connection.execute("PRAGMA trusted_schema = OFF")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == schema.VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _refuse_foreign(connection, path)  # Once more: another process may have been first.
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for step in schema.MIGRATIONS[version:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {schema.VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
