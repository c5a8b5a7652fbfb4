"""`Part`: what has arrived of one file, on disk, locked against other processes, hashed as it grows."""

from __future__ import annotations

import fcntl
import io
import os
from pathlib import Path
from typing import Final

from sgl.hub.listing import RemoteFile

_BLOCK: Final = 1 << 20


class Part:
    """A file that grows at its end. Invariant: ``done`` bytes are on disk, and the hash covers exactly these.

    Attributes:
        file: What it will be.
        done: Bytes that have arrived.
    """

    def __init__(self, path: Path, file: RemoteFile) -> None:
        """Opens the part, or begins one; `lock` and `reread` come before anything else."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = file
        self.done = 0
        self._path = path
        self._stream = io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+")
        self._hash = file.hasher()

    def lock(self) -> bool:
        """Takes the part for this process; False while another one has it."""
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            # Some network file systems lock nothing. Two writers would spoil the part, and the hash would tell.
            return True
        return True

    def is_current(self) -> bool:
        """Whether the open file still is the part: another process may have finished and renamed it."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return False
        return os.path.samestat(found, os.fstat(self._stream.fileno()))

    def reread(self) -> None:
        """Counts and hashes what an earlier run left."""
        self._stream.seek(0)
        if os.fstat(self._stream.fileno()).st_size > self.file.size:
            self.restart()
            return
        while block := self._stream.read(_BLOCK):
            self._hash.update(block)
            self.done += len(block)

    def append(self, chunk: bytes) -> None:
        """Adds bytes.

        Raises:
            OSError: The disk is full; what was written before counts.
        """
        rest = memoryview(chunk)
        while rest:
            written = self._stream.write(rest)
            self._hash.update(rest[:written])
            self.done += written
            rest = rest[written:]

    def restart(self) -> None:
        """Throws away what is there."""
        self._stream.seek(0)
        self._stream.truncate()
        self._hash = self.file.hasher()
        self.done = 0

    def is_right(self) -> bool:
        """Whether it is the whole file, and the one that the Hub lists."""
        return self.done == self.file.size and self._hash.hexdigest() == self.file.digest

    def close(self) -> None:
        """Releases the file and the lock."""
        self._stream.close()
