"""Where the traceback of an error in the chat itself goes: the screen has no room for it."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sgl.env import DEBUG
from sgl.errors import UsageError
from sgl.runs.places import state_path

NAME: Final = "chat-error.log"


def hint_of(error: Exception, environ: Mapping[str, str]) -> str:
    """What to do about an unexpected error. With ``SGL_DEBUG=1`` its traceback is written, and this names the file."""
    if not _wanted(environ):
        return f"what had come is kept; start with {DEBUG.name}=1 to get the traceback in a file, for a report"
    folder = state_path(environ)
    if folder is None:
        return "what had come is kept; there is no folder for the traceback: set XDG_STATE_HOME"
    try:
        path = _write(error, folder)
    except OSError as failure:
        return f"what had come is kept; the traceback cannot be written: {failure.strerror or failure}"
    return f"what had come is kept; the traceback is in {path}"


def _wanted(environ: Mapping[str, str]) -> bool:
    try:
        return DEBUG.read(environ)
    except UsageError:
        return True  # Set to something, so wanted.


def _write(error: Exception, folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / NAME
    # Only for its owner: a traceback may quote what was said.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
        os.fchmod(descriptor, 0o600)
        file.writelines(traceback.format_exception(error))
    return path
