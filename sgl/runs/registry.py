"""The registry of servers that run on this machine, one user's: a folder with two files per server.

``ID.json`` is the server's record (`sgl.runs.server.Server`). ``ID.lock`` is a file that the server holds a lock on
for as long as it lives. The kernel takes the lock away when the process is gone, however it went, so a record without
a held lock was left behind: whoever lists the servers next removes it. A process id alone could not tell, for another
process may have it by then.
"""

from __future__ import annotations

import fcntl
import logging
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Final

from sgl.errors import SglError, StartupError
from sgl.runs.folder import PrivateFolder
from sgl.runs.places import registry_path
from sgl.runs.server import BadRecord, Server

log = logging.getLogger(__name__)

RECORD: Final = ".json"
LOCK: Final = ".lock"

_CONSONANTS: Final = "blmnrstv"
_VOWELS: Final = "aeio"
_ATTEMPTS: Final = 20


class Registration:
    """A server's own entry, held until `close`; use it as a context manager.

    A server runs as well without one: where the registry cannot be written, `problem` says why, and nothing else
    happens.

    Attributes:
        server: What the record says.
        problem: Why there is no record; None when there is one.
    """

    def __init__(
        self, server: Server, folder: PrivateFolder | None, lock: int | None, problem: str | None = None
    ) -> None:
        """Takes over a locked entry; use `register`."""
        self.server = server
        self.problem = problem
        self._folder = folder
        self._lock = lock

    @property
    def listed(self) -> bool:
        """Whether others can see the server."""
        return self._folder is not None

    def update(self, **changes: Any) -> None:
        """Changes fields of the record."""
        self.server = replace(self.server, **changes)
        if self._folder is None:
            return
        try:
            self._folder.write(self.server.id + RECORD, self.server.encode())
        except OSError as error:  # A full disk is no reason for a server to stop.
            log.debug("the record of this server could not be written: %s", error)

    def close(self) -> None:
        """Removes the entry; harmless when called twice."""
        if self._folder is None or self._lock is None:
            return
        try:
            self._folder.remove(self.server.id + RECORD)
            self._folder.remove(self.server.id + LOCK)
            self._folder.remove_if_empty()
        except OSError as error:
            log.debug("the record of this server could not be removed: %s", error)
        os.close(self._lock)
        self._folder.close()
        self._folder = self._lock = None

    def __enter__(self) -> Registration:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def register(server: Server, environ: Mapping[str, str] = os.environ) -> Registration:
    """Enters a server of this process into the registry.

    Args:
        server: What to say about it. Its ``id`` is a wish: when another server has it, a new one is made up; an empty
            one is made up in any case.

    Returns:
        The registration. It never fails: see `Registration.problem`.
    """
    try:
        return _register(server, environ)
    except SglError as error:
        return Registration(server, None, None, error.message)
    except OSError as error:
        return Registration(server, None, None, f"cannot keep a record of this server: {error.strerror}")


def servers(environ: Mapping[str, str] = os.environ) -> list[Server]:
    """Every server that runs, the oldest first; removes what dead ones left behind.

    Raises:
        StartupError: The registry is not this user's alone, see `PrivateFolder.open`.
    """
    found: list[Server] = []
    try:
        folder = PrivateFolder.open(registry_path(environ))
    except FileNotFoundError:
        return found
    with folder:
        for name in _entries(folder):
            server = _look(folder, name)
            if server is not None:
                found.append(server)
        if not found:
            folder.remove_if_empty()
    return sorted(found, key=lambda server: (server.started, server.id))


def new_id(choose: Callable[[str], str] = random.choice) -> str:
    """A short word that can be said and typed, e.g. ``mila``."""
    return "".join(choose(letters) for letters in (_CONSONANTS, _VOWELS) * 2)


def is_running(server: Server, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the process that made this record still holds its lock."""
    try:
        folder = PrivateFolder.open(registry_path(environ))
    except FileNotFoundError:
        return False
    with folder:
        present = _look(folder, server.id)
    return present is not None and (present.pid, present.started) == (server.pid, server.started)


def _register(server: Server, environ: Mapping[str, str]) -> Registration:
    # More than once, for someone may remove the folder as an empty one just after it was made.
    names = [server.id] * _ATTEMPTS if server.id else []
    names += [new_id() for _ in range(_ATTEMPTS)]
    for name in names:
        try:
            folder = PrivateFolder.open(registry_path(environ), create=True)
        except FileNotFoundError:
            continue
        lock = _take(folder, name)
        if lock is None:
            folder.close()
            continue
        registration = Registration(replace(server, id=name), folder, lock)
        try:
            folder.write(name + RECORD, registration.server.encode())
        except BaseException:
            registration.close()
            raise
        return registration
    raise StartupError(f"cannot keep a record of this server in {registry_path(environ)}: no name is free")


def _take(folder: PrivateFolder, name: str) -> int | None:
    """Makes the lock file of ``name`` and locks it; None when the name is taken, or someone took it away at once."""
    try:
        lock = folder.create(name + LOCK)
    except (FileExistsError, FileNotFoundError):  # In use; or the folder was just removed as an empty one.
        return None
    # One who lists the servers may have seen it unlocked, and be about to remove it as a left-over.
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        if folder.status(name + LOCK).st_ino == os.fstat(lock).st_ino:
            return lock
    except FileNotFoundError:
        pass
    os.close(lock)
    return None


def _entries(folder: PrivateFolder) -> list[str]:
    """Ids that have a record or a lock file; names of drafts begin with a dot."""
    endings = (RECORD, LOCK)
    return sorted({name.rpartition(".")[0] for name in folder.names() if name.endswith(endings) and name[0] != "."})


def _look(folder: PrivateFolder, name: str) -> Server | None:
    """The server of that name; None when it is gone (then so are its files), or its record cannot be read."""
    try:
        lock = folder.open_file(name + LOCK)
    except FileNotFoundError:
        folder.remove(name + RECORD)
        return None
    except OSError as error:
        log.debug("%s in %s is not one of ours: %s", name + LOCK, folder.path, error)
        return None
    try:
        # A shared lock, so that two who look at the same time do not take each other for the server.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(folder, name)
    else:
        _clean_up(folder, name, lock)
        return None
    finally:
        os.close(lock)


def _clean_up(folder: PrivateFolder, name: str, lock: int) -> None:
    """Removes what a dead server left; only one of several who try does it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if folder.status(name + LOCK).st_ino != os.fstat(lock).st_ino:
            return  # A new server has the name.
    except (BlockingIOError, FileNotFoundError):
        return
    folder.remove(name + RECORD)
    folder.remove(f".{name}{RECORD}.new")
    folder.remove(name + LOCK)


def _read(folder: PrivateFolder, name: str) -> Server | None:
    try:
        server = Server.decode(folder.read(name + RECORD))
    except FileNotFoundError:
        return None  # It has just locked its name and is about to write.
    except (BadRecord, OSError) as error:
        log.debug("%s in %s cannot be read: %s", name + RECORD, folder.path, error)
        return None
    return server if server.id == name else None
