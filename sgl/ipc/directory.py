"""`SocketDirectory`: the private folder that holds the two sockets between a server and its engine.

ZeroMQ makes its socket files with the umask's rights, so the folder's mode 0700 is what keeps others out.
Its owner holds a lock on it for as long as it lives. A folder that nobody has locked was left behind by a
killed process, and the next start removes it; unlike a process id, a lock cannot be mistaken for another's.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sgl.errors import StartupError

PREFIX: Final = "sgl-"
TO_ENGINE: Final = "to-engine"
FROM_ENGINE: Final = "from-engine"

LONGEST_SOCKET_PATH: Final = 107
"""Bytes of sun_path in a Unix socket address, without the closing zero."""

SETTLING_SECONDS: Final = 60.0
"""A folder younger than this is never taken for a left-over: its owner may not have locked it yet."""


class SocketDirectory:
    """A folder of its own for one engine; made here, removed by `remove`."""

    def __init__(self, path: Path, lock: int) -> None:
        """Takes over an existing folder; use `create`.

        Args:
            lock: A file descriptor of the folder that holds its lock.
        """
        self.path = path
        self._lock: int | None = lock

    @classmethod
    def create(cls, environ: Mapping[str, str] = os.environ) -> SocketDirectory:
        """Makes a fresh folder under $XDG_RUNTIME_DIR, or else the temporary folder; removes left-overs there.

        Raises:
            StartupError: The folder cannot be made, or its path is too long for a socket.
        """
        base = runtime_base(environ)
        remove_leftovers(base)
        try:
            path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=base))
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise StartupError(f"cannot make a folder for sockets in {base}: {error.strerror}") from error
        directory = cls(path, lock)
        longest = len(os.fsencode(path / FROM_ENGINE))
        if longest > LONGEST_SOCKET_PATH:
            directory.remove()
            raise StartupError(
                f"socket paths in {base} would have {longest} bytes, more than the system's {LONGEST_SOCKET_PATH}; "
                "set XDG_RUNTIME_DIR to a folder with a shorter path"
            )
        return directory

    def remove(self) -> None:
        """Removes the folder and the sockets in it; harmless when called twice."""
        if self._lock is None:
            return
        _remove(self.path)
        os.close(self._lock)
        self._lock = None


def address(directory: Path, name: str) -> str:
    """The ZeroMQ address of socket ``name`` (`TO_ENGINE` or `FROM_ENGINE`) in ``directory``."""
    return f"ipc://{directory / name}"


def remove_leftovers(base: Path) -> int:
    """Removes the folders in ``base`` whose owner is dead; returns how many."""
    removed = 0
    for path in base.glob(f"{PREFIX}*-*"):
        with contextlib.suppress(OSError):  # not ours to open, or someone else was quicker
            removed += _remove_if_left(path)
    return removed


def _remove_if_left(path: Path) -> bool:
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        return False
    if time.time() - status.st_mtime < SETTLING_SECONDS:
        return False
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return _remove(path)
    finally:
        os.close(lock)


def _remove(path: Path) -> bool:
    """Removes the two sockets and then the folder, which stays if it holds anything else."""
    for name in (TO_ENGINE, FROM_ENGINE):
        (path / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        path.rmdir()
    return not path.exists()


def runtime_base(environ: Mapping[str, str]) -> Path:
    """$XDG_RUNTIME_DIR where it can be used, or else the temporary folder, which other users may write to."""
    runtime = environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isabs(runtime) and os.access(runtime, os.W_OK | os.X_OK):
        return Path(runtime)
    return Path(tempfile.gettempdir())
