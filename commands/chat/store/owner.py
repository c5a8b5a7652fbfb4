"""Tells drafts of living processes from those of dead ones: by a locked file that the kernel lets go at death.

A lock survives neither SIGKILL nor a power cut, knows no reused process ids, and holds across containers that
share the folder.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from .database import StoreError
from .ids import new_id


class Owner:
    """This process, as the owner of drafts in one database file.

    Attributes:
        id: Its name in the column ``draft.owner``.
    """

    def __init__(self, database_path: Path | None) -> None:
        self.id = new_id()
        self._folder = None if database_path is None else database_path.with_name(f"{database_path.name}-live")
        self._descriptor: int | None = None

    def hold(self) -> None:
        """Takes the lock, before the first draft is written. A database in memory needs none."""
        if self._folder is None or self._descriptor is not None:
            return
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(self._folder / self.id, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"{self._folder} cannot be written: {error.strerror}", hint="--no-save needs none"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            message = f"{self._folder} is on a file system without locks: {error.strerror}"
            raise StoreError(message, hint="--db PATH keeps chats elsewhere, --no-save nowhere") from error
        self._descriptor = descriptor

    def is_dead(self, id: str) -> bool:
        """Whether the process that called itself ``id`` has ended; its file goes with it."""
        if self._folder is None or id == self.id:
            return False
        path = self._folder / id
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        except OSError:  # Not ours to judge.
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        path.unlink(missing_ok=True)
        return True

    def release(self) -> None:
        """Lets the lock go when no draft is left."""
        if self._folder is not None and self._descriptor is not None:
            (self._folder / self.id).unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None
