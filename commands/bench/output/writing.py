"""Result files, each replaced as a whole: who reads one meanwhile, or after a crash, finds the old one or the new."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TextIO

from sgl.errors import UsageError

from .lookup import cleaned

STANDARD_OUTPUT: Final = Path("-")
_MODE: Final = 0o666
"""Less the umask: reports are made to be passed on."""


def check_writable(path: Path) -> None:
    """Looks before a long run whether its result can be written.

    Raises:
        UsageError: It cannot.
    """
    if path == STANDARD_OUTPUT:
        return
    if path.is_dir():
        raise UsageError(f"{_shown(path)} is a folder, not a file")
    place = path if path.exists() else next(parent for parent in path.absolute().parents if parent.exists())
    if not os.access(place, os.W_OK) or (not path.exists() and not place.is_dir()):
        raise UsageError(f"{_shown(path)} cannot be written: no permission at {_shown(place)}")


def write_text(path: Path, text: str) -> None:
    """Writes a text; ``-`` is standard output.

    Raises:
        UsageError: It cannot be written.
    """
    write_lines(path, (text,))


def write_lines(path: Path, pieces: Iterable[str]) -> None:
    """Writes pieces of text as they are made, without joining them in memory; ``-`` is standard output.

    Raises:
        UsageError: It cannot be written.
    """
    if path == STANDARD_OUTPUT:
        sys.stdout.writelines(pieces)
        return
    try:
        if path.is_dir():
            raise UsageError(f"{_shown(path)} is a folder, not a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        with _opened(path) as file:
            file.writelines(pieces)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{_shown(path)} cannot be written: {reason}") from error


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """A draft beside the file, which takes its place at the end. A link is followed; a pipe is written directly."""
    target = Path(os.path.realpath(path))
    mode = target.stat().st_mode if target.exists() else None
    if mode is not None and not stat.S_ISREG(mode):
        with open(target, "w", encoding="utf-8", newline="") as file:
            yield file
        return
    draft = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            if mode is not None:
                os.fchmod(descriptor, stat.S_IMODE(mode))
            yield file
            file.flush()
            os.fsync(descriptor)
        os.replace(draft, target)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def _shown(path: Path) -> str:
    return cleaned(path)
