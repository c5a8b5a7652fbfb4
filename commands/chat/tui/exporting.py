"""Exports the chat that has the focus, or a picture of the screen."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from sgl.errors import SglError, UsageError

from ..text.oneline import one_line
from ..transfer.export import Format
from .chat_file import write_chat, write_new
from .desk import Desk
from .notices import tell, tell_error


def export_chat(screen: Desk, format: str = "md", path: Path | None = None) -> None:
    """Writes the conversation that has the focus, and tells where it is.

    Args:
        screen: The chat.
        format: One of `transfer.export.FORMATS`.
        path: The file, or a folder for it; by default a file in the current folder, named after the title.
    """
    pane = screen.pane
    known: Format | None = next((each for each in get_args(Format) if each == format), None)
    if known is None:
        hint = f"formats: {', '.join(get_args(Format))}"
        tell_error(screen, UsageError(f"a chat cannot be exported as {one_line(format)}", hint=hint))
        return
    if not pane.path:
        tell(screen, "there is nothing to export yet")
        return
    write_chat(screen, screen.setup.store, pane.thread_id, known, path)


def save_picture(screen: Desk) -> None:
    """Writes what is on the screen as an SVG file, and tells where it is."""
    title = screen.setup.store.threads.get(screen.pane.thread_id).title
    try:
        written = write_new(screen.app.export_screenshot(title=one_line(title) or None), None, title, "svg")
    except SglError as error:
        tell_error(screen, error)
    else:
        tell(screen, f"saved a picture of the screen to {one_line(str(written))}")
