"""Where pictures for the next question come from: a file, the clipboard, an address."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sgl.errors import SglError, UsageError

from ..images import Picture, read_image
from ..outside.clipboard import paste_image
from ..store.parts import Image
from ..text.oneline import one_line
from .desk import Desk
from .notices import tell, tell_error

_SCHEMES: Final = ("http", "https")


def add_picture(screen: Desk, picture: Image | Picture) -> None:
    """Puts a picture into the question, where the cursor is."""
    screen.composer.insert(screen.pictures.add(picture))
    screen.composer.focus()


def picture_from_file(screen: Desk, path: Path) -> None:
    """Puts a picture file into the question."""

    def read() -> None:  # In a thread: a folder may be on a network.
        try:
            picture = read_image(path.expanduser())
        except SglError as error:
            tell_error(screen, error)
        else:
            screen.app.call_from_thread(add_picture, screen, picture)

    screen.run_worker(read, thread=True, group="picture", exit_on_error=False)


def picture_from_clipboard(screen: Desk) -> None:
    """Puts the picture on the clipboard into the question."""

    def paste() -> None:
        try:
            picture = paste_image(screen.setup.environ)
        except SglError as error:
            tell_error(screen, error)
            return
        if picture is None:
            tell(screen, "there is no picture on the clipboard, or no program here that reads it", "warning")
        else:
            screen.app.call_from_thread(add_picture, screen, picture)

    screen.run_worker(paste, thread=True, exclusive=True, group="picture", exit_on_error=False)


def picture_from_url(screen: Desk, url: str) -> None:
    """Puts a picture into the question that the server fetches itself.

    Raises:
        UsageError: It is no address of the web.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.netloc:
        raise UsageError(f"{one_line(url)} is no address of a picture", hint="it begins with http:// or https://")
    add_picture(screen, Image("", url=url, name=one_line(parts.path.rpartition("/")[2])))
