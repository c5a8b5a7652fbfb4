"""Pictures that go with the next question: each stands as ``[Image #1]`` in the composer, and goes when that does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sgl.errors import SglError, UsageError

from ..images import Picture, read_image
from ..outside.clipboard import paste_image
from ..store.chat_store import ChatStore
from ..store.parts import Image
from ..text.oneline import one_line
from .notices import tell, tell_error

if TYPE_CHECKING:
    from .screen import ChatScreen

_TOKEN: Final = re.compile(r"\[Image #(\d+)\] ?")
_SCHEMES: Final = ("http", "https")


class Pictures:
    """The pictures of one question that is being typed. Bytes go to the store when it is sent, not before."""

    def __init__(self) -> None:
        self._held: dict[int, Image | Picture] = {}

    def add(self, picture: Image | Picture) -> str:
        """Takes a picture; returns what stands for it in the text."""
        number = max(self._held, default=0) + 1
        self._held[number] = picture
        return token(number)

    def swap(self, other: Mapping[int, Image | Picture]) -> Mapping[int, Image | Picture]:
        """Holds other pictures by their numbers; returns those that were held."""
        held, self._held = self._held, dict(other)
        return held

    def take(self, text: str, store: ChatStore) -> tuple[list[Image], str]:
        """The pictures that the text names, in its order, and the text without their names. Nothing is held then.

        Raises:
            StoreError: The bytes cannot be kept.
        """
        numbers = dict.fromkeys(int(found[1]) for found in _TOKEN.finditer(text))
        images = [_stored(self._held[number], store) for number in numbers if number in self._held]
        held = self.swap({})
        # What looks like a name and is none is text that somebody typed.
        rest = _TOKEN.sub(lambda found: "" if int(found[1]) in held else found[0], text)
        return images, rest.strip() if images else rest


def token(number: int) -> str:
    """What stands for a picture in the text."""
    return f"[Image #{number}] "


def add_picture(screen: ChatScreen, picture: Image | Picture) -> None:
    """Puts a picture into the question, where the cursor is."""
    screen.composer.insert(screen.pictures.add(picture))
    screen.composer.focus()


def picture_from_file(screen: ChatScreen, path: Path) -> None:
    """Puts a picture file into the question."""

    def read() -> None:  # In a thread: a folder may be on a network.
        try:
            picture = read_image(path.expanduser())
        except SglError as error:
            tell_error(screen, error)
        else:
            screen.app.call_from_thread(add_picture, screen, picture)

    screen.run_worker(read, thread=True, group="picture", exit_on_error=False)


def picture_from_clipboard(screen: ChatScreen) -> None:
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


def picture_from_url(screen: ChatScreen, url: str) -> None:
    """Puts a picture into the question that the server fetches itself.

    Raises:
        UsageError: It is no address of the web.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.netloc:
        raise UsageError(f"{one_line(url)} is no address of a picture", hint="it begins with http:// or https://")
    add_picture(screen, Image("", url=url, name=one_line(parts.path.rpartition("/")[2])))


def _stored(picture: Image | Picture, store: ChatStore) -> Image:
    if isinstance(picture, Image):
        return picture
    return Image(picture.mime, store.attachments.put(picture.data, picture.mime), name=picture.name)
