"""Text files that a person names or that belong to the chat: read whole, and replaced whole."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from sgl.errors import UsageError

from .text.oneline import one_line

MOST_BYTES: Final = 1 << 20
"""Largest file of settings or tools; what is larger was meant for something else."""

PICTURE_HINT: Final = "pictures are given with -a"


def read_text(path: Path) -> str:
    """A text file of any size; it may be a pipe.

    Raises:
        UsageError: It cannot be read, or is not text.
    """
    try:
        data = path.expanduser().read_bytes()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return decoded(data, one_line(str(path)), hint=PICTURE_HINT)


def read_small_text(path: Path, *, most_bytes: int = MOST_BYTES) -> str:
    """A regular text file; never waits for a pipe's writer, and refuses a large file before reading it.

    Raises:
        UsageError: It is no regular file, cannot be read, is too large, or is not text.
    """
    shown = one_line(str(path))
    try:
        descriptor = os.open(path.expanduser(), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UsageError(f"{shown} is not a file")
            data = file.read(most_bytes + 1)
    except IsADirectoryError as error:
        raise UsageError(f"{shown} is a folder, not a file") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise _unreadable(path, error) from error
    if len(data) > most_bytes:
        raise UsageError(f"{shown} has more than {most_bytes >> 10} KiB")
    return decoded(data.removeprefix(b"\xef\xbb\xbf"), shown)


def replace_text(path: Path, text: str) -> None:
    """Writes a file for the owner's eyes only; a reader, or a crash, finds the old text or the new, never a part.

    A link is followed, so that a file which is kept elsewhere (among a person's dotfiles) stays there.

    Raises:
        UsageError: It cannot be written.
    """
    temporary: str | None = None
    try:
        target = os.path.realpath(path)
        if os.path.isdir(target):
            raise UsageError(f"{one_line(str(path))} is a folder, not a file", hint="move it away")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".new", dir=os.path.dirname(target))  # Mode 0600.
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, target)
        temporary = None
    except (OSError, ValueError) as error:
        raise UsageError(f"{one_line(str(path))} cannot be written: {_reason(error)}") from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)


def decoded(data: bytes, shown: str, *, hint: str | None = None) -> str:
    """Bytes as text; ``shown`` is what they are called in a message.

    Raises:
        UsageError: They are not text in UTF-8.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown} is not text in UTF-8", hint=hint) from error
    if "\0" in text:
        raise UsageError(f"{shown} is not text", hint=hint)
    return text


def _unreadable(path: Path, error: Exception) -> UsageError:
    return UsageError(f"{one_line(str(path))} cannot be read: {_reason(error)}")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
