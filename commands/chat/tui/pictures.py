"""Pictures that go with the next question: each stands as ``[Image #1]`` in the composer, and goes when that does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..images import Picture
from ..store.chat_store import ChatStore
from ..store.parts import Image

_TOKEN: Final = re.compile(r"\[Image #(\d+)\] ?")


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


def _stored(picture: Image | Picture, store: ChatStore) -> Image:
    if isinstance(picture, Image):
        return picture
    return Image(picture.mime, store.attachments.put(picture.data, picture.mime), name=picture.name)
