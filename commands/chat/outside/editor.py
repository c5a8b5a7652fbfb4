"""Text edited in the person's own editor, which has the terminal while it runs."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sgl.errors import UsageError, echo

from ..files import read_small_text
from ..text.oneline import one_line
from .tools import find

_USUAL: Final = ("nano", "vim", "vi")
_HINT: Final = "set EDITOR to a program that edits a file, such as nano"
_MOST_BYTES: Final = 16 << 20

_WAIT: Final[Mapping[str, str]] = {
    **dict.fromkeys(("code", "code-insiders", "codium", "cursor", "windsurf", "zed", "subl", "atom", "mate"), "--wait"),
    **dict.fromkeys(("gedit", "gnome-text-editor", "idea", "pycharm"), "--wait"),
    "kate": "--block",
    "gvim": "--nofork",
    "mvim": "--nofork",
}
"""Editors with a window of their own return at once; what makes each wait until the file is closed."""

_WAITS: Final = frozenset({"-w", "-f", "-b", "--wait", "--block", "--nofork"})


def editor_command(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The editor with its arguments: ``$VISUAL``, ``$EDITOR``, else the first of nano, vim and vi.

    Raises:
        UsageError: A variable names no program, or there is no editor.
    """
    for variable in ("VISUAL", "EDITOR"):
        text = environ.get(variable, "").strip()
        if text:
            return _waiting(_words(text, variable, environ))
    for name in _USUAL:
        if find(name, environ) is not None:
            return [name]
    raise UsageError("there is no editor here", hint=_HINT)


def edit(text: str, environ: Mapping[str, str] = os.environ, suffix: str = ".md") -> str:
    """Opens the text in the editor, waits, and returns what was saved.

    A newline that the editor put at the end is taken away. The caller has to give the terminal back to normal use
    before, and keeps its own text when this raises.

    Raises:
        UsageError: There is no editor, it failed (``:cq`` in vim), or what it left cannot be read.
    """
    command = editor_command(environ)
    name = one_line(os.path.basename(command[0]))
    try:
        # In a folder of its own, which only the owner may enter: an editor may write copies beside the file, or
        # put a new file with other rights in its place.
        with tempfile.TemporaryDirectory(prefix="sgl-") as folder:
            path = Path(folder) / f"message{suffix}"
            _write(path, text)
            status = _run([*command, str(path)], environ, name)
            if status:
                how = f"with status {status}" if status > 0 else f"by signal {-status}"
                raise UsageError(f"{name} ended {how}; the text is as it was")
            if not path.exists():
                raise UsageError(f"{name} left no file; the text is as it was")
            edited = read_small_text(path, most_bytes=_MOST_BYTES).replace("\r\n", "\n")
    except OSError as error:
        raise UsageError(f"the text cannot be given to {name}: {error.strerror or error}") from error
    return edited if text.endswith("\n") else edited.removesuffix("\n")


def _words(text: str, variable: str, environ: Mapping[str, str]) -> list[str]:
    if os.path.isabs(text) and os.path.isfile(text):  # A path with blanks that nobody has quoted.
        return [text]
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{variable} is no command: {echo(text)} has an open quote", hint=_HINT) from error
    if words:
        words[0] = os.path.expanduser(words[0])
    if not words or find(words[0], environ) is None:
        raise UsageError(f"{variable} names an editor that is not there: {echo(text)}", hint=_HINT)
    return words


def _waiting(command: list[str]) -> list[str]:
    flag = _WAIT.get(os.path.basename(command[0]))
    return command if flag is None or _WAITS.intersection(command[1:]) else [command[0], flag, *command[1:]]


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode("utf-8", "replace"))  # A command line can bring half a surrogate pair.
        if text and not text.endswith("\n"):
            file.write(b"\n")


def _run(command: list[str], environ: Mapping[str, str], name: str) -> int:
    command[0] = find(command[0], environ) or command[0]
    with _deaf_to_interrupts():
        try:
            return subprocess.run(command, env=dict(environ), check=False).returncode
        except OSError as error:
            raise UsageError(f"{name} cannot be started: {error.strerror or error}", hint=_HINT) from error


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ctrl-C is for the editor, which shares our terminal. Only the main thread can say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A handler that does nothing, not SIG_IGN: the editor would inherit that.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
