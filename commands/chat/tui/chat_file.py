"""Writes a chat, or a picture of the screen, to a file. No file is ever overwritten."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from textual.widget import Widget

from sgl.errors import SglError, UsageError

from ..store.chat_store import ChatStore
from ..text.oneline import one_line
from ..transfer.export import Format, export_thread
from .notices import tell, tell_error

_LONGEST_NAME: Final = 60
_NOT_IN_A_NAME: Final = re.compile(r"[^\w.-]+")


def write_chat(widget: Widget, store: ChatStore, thread_id: str, format: Format, path: Path | None = None) -> None:
    """Writes any conversation, and tells where it is.

    Args:
        widget: Any widget of the app.
        store: Where conversations are kept.
        thread_id: Which.
        format: One of `transfer.export.FORMATS`.
        path: See `write_new`.
    """

    def export() -> None:  # In a thread: folders may be on a network.
        try:
            title = store.threads.get(thread_id).title
            written = write_new(export_thread(store, thread_id, format), path, title, format)
        except SglError as error:
            tell_error(widget, error)
        else:
            tell(widget, f"exported to {one_line(str(written))}")

    widget.run_worker(export, thread=True, group="export", exit_on_error=False)


def file_name(title: str) -> str:
    """A title as the name of a file that no shell and no file system minds."""
    name = _NOT_IN_A_NAME.sub("-", one_line(title).lower())[:_LONGEST_NAME].strip("-.")
    return name or "chat"


def write_new(text: str, path: Path | None, title: str, suffix: str) -> Path:
    """Writes a file that was not there; returns its path.

    Args:
        text: What it holds.
        path: The file, or a folder for it; None for one in the current folder, named after the title.
        title: Of the conversation.
        suffix: Ending of the name.

    Raises:
        UsageError: It cannot be written.
    """
    for candidate in _candidates(path, title, suffix):
        try:
            with candidate.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except FileExistsError:
            continue
        except OSError as error:
            reason = error.strerror or str(error)
            hint = "give another path: /export md PATH" if suffix != "svg" else None
            raise UsageError(f"{one_line(str(candidate))} cannot be written: {reason}", hint=hint) from error
        return candidate
    raise AssertionError("there is always another number")


def _candidates(path: Path | None, title: str, suffix: str) -> Iterator[Path]:
    """The wished file, then the same with -2, -3..."""
    first = Path(f"{file_name(title)}.{suffix}") if path is None else path.expanduser()
    if path is not None and first.is_dir():
        first /= f"{file_name(title)}.{suffix}"
    yield first
    for number in itertools.count(2):
        yield first.with_name(f"{first.stem}-{number}{first.suffix}")
