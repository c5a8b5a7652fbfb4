"""`PrivateFolder`: an open folder that belongs to this user alone, and the files in it.

What lies in it is trusted: a process id in there may be sent a signal. So the folder is opened once, looked at
through that descriptor, and only then used, always through the descriptor: whatever its path turns into later, a
link or somebody else's folder, has no say.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Final

from sgl.errors import StartupError

MODE: Final = 0o700
FILE_MODE: Final = 0o600
LARGEST_FILE: Final = 1 << 20
"""Most bytes that `PrivateFolder.read` reads; ours are a few thousand."""

_OTHERS: Final = 0o077


class PrivateFolder:
    """An open folder; close it, or use it as a context manager.

    Attributes:
        path: Where it was when it was opened.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        """Takes over an open descriptor; use `open`."""
        self.path = path
        self._descriptor: int | None = descriptor

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> PrivateFolder:
        """Opens a folder after a look at whose it is.

        Args:
            create: Make it, and the folders above, when it is missing.

        Raises:
            FileNotFoundError: It is missing and was not to be made.
            StartupError: It is a link, somebody else's, or open to others; or it cannot be made or opened.
        """
        if create:
            _make(path)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise
        except OSError as error:
            wrong_kind = error.errno in (errno.ELOOP, errno.ENOTDIR)
            raise _refusal(path, "it is a link or no folder" if wrong_kind else str(error.strerror)) from error
        try:
            _check(path, os.fstat(descriptor))
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor)

    def names(self) -> list[str]:
        """What is in it, sorted."""
        return sorted(os.listdir(self._fd))

    def create(self, name: str) -> int:
        """Makes a file that was not there and opens it for writing; the caller closes the descriptor.

        Raises:
            OSError: It is there already, or the folder is gone.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW
        return os.open(name, flags, FILE_MODE, dir_fd=self._fd)

    def open_file(self, name: str) -> int:
        """Opens a file for reading; the caller closes the descriptor."""
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._fd)

    def read(self, name: str) -> bytes:
        """The content of a small file; of a large one, its beginning."""
        with open(self.open_file(name), "rb") as file:
            return file.read(LARGEST_FILE)

    def write(self, name: str, content: bytes) -> None:
        """Puts a file there in one step: a reader sees the old content or the new one."""
        draft = f".{name}.new"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, FILE_MODE, dir_fd=self._fd)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
            os.replace(draft, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except BaseException:
            self.remove(draft)
            raise

    def status(self, name: str) -> os.stat_result:
        """What the system knows about a file in it; a link is not followed."""
        return os.stat(name, dir_fd=self._fd, follow_symlinks=False)

    def remove(self, name: str) -> None:
        """Removes a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._fd)

    def remove_if_empty(self) -> None:
        """Removes the folder itself when nothing is in it."""
        with contextlib.suppress(OSError):  # Something is in it, or came into it, or someone was quicker.
            os.rmdir(self.path)

    def close(self) -> None:
        """Lets go of it; harmless when called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> PrivateFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _fd(self) -> int:
        if self._descriptor is None:
            raise ValueError(f"{self.path} is closed")
        return self._descriptor


def _make(path: Path) -> None:
    try:
        os.makedirs(path.parent, mode=MODE, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, MODE)
    except OSError as error:
        raise _refusal(path, str(error.strerror)) from error


def _check(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise _refusal(path, "it belongs to another user")
    if stat.S_IMODE(status.st_mode) & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise StartupError(
            f"{path} is open to other users (mode {mode:04o}), who could put anything there",
            hint=f"look at what is in it, then: chmod 700 {path}",
        )


def _refusal(path: Path, why: str) -> StartupError:
    return StartupError(
        f"cannot keep records in {path}: {why}", hint="set XDG_RUNTIME_DIR to a folder that is yours alone"
    )
