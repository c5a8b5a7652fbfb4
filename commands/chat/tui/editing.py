"""A message that is being said differently: it stands in the composer, and what was typed before waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from textual.content import Content
from textual.widgets import Static

from ..images import Picture
from ..store.messages import Message
from ..store.parts import Image, Part, Reasoning, Text
from .desk import Desk
from .pane.pane import ChatPane


class _Begun(NamedTuple):
    """What is edited.

    Attributes:
        pane: Where.
        thread_id: In which conversation.
        message: Which.
        before: What stood in the composer.
        pictures: Those that went with it.
    """

    pane: ChatPane
    thread_id: str
    message: Message
    before: str
    pictures: Mapping[int, Image | Picture]


class Editing(Static):
    """The line above the composer that says what Enter will do; hidden while nothing is edited."""

    DEFAULT_CSS = "Editing { height: auto; display: none; }"

    def __init__(self) -> None:
        super().__init__("", id="editing")
        self._begun: _Begun | None = None

    @property
    def message(self) -> Message | None:
        """What is edited."""
        return None if self._begun is None else self._begun.message

    def begin(self, screen: Desk, pane: ChatPane, message: Message) -> None:
        """Puts a message into the composer; what is sent next stands beside it."""
        held = screen.pictures.swap({})
        before = (screen.composer.text, held) if self._begun is None else (self._begun.before, self._begun.pictures)
        self._begun = _Begun(pane, pane.thread_id, message, *before)
        marks = [screen.pictures.add(part) for part in message.parts if isinstance(part, Image)]
        screen.composer.put("".join(marks) + message.text)
        screen.composer.focus()
        what = "sends it as another branch" if message.role == "user" else "keeps it as another branch, asks nothing"
        self.update(Content(f"editing {_whose(message)}: Enter {what}; Esc leaves it as it is"))
        self.display = True

    def leave(self, screen: Desk) -> bool:
        """Goes back to what stood in the composer; returns whether anything was edited."""
        begun = self._end()
        if begun is None:
            return False
        screen.pictures.swap(begun.pictures)
        screen.composer.put(begun.before)
        return True

    async def send(self, images: Sequence[Image], text: str) -> bool:
        """Says the message differently; returns False when none is, or when its conversation is not shown any more."""
        begun = self._end()
        if begun is None or begun.pane.thread_id != begun.thread_id:
            return False
        await begun.pane.edit(begun.message, edited_parts(begun.message, images, text))
        return True

    def _end(self) -> _Begun | None:
        begun, self._begun = self._begun, None
        self.display = False
        return begun


def edited_parts(message: Message, images: Sequence[Image], text: str) -> list[Part]:
    """The parts with another text and other pictures; reasoning stays before the text, calls of tools behind it."""
    thoughts = [part for part in message.parts if isinstance(part, Reasoning)]
    rest = [part for part in message.parts if not isinstance(part, Reasoning | Text | Image)]
    said = [Text(text)] if text else []
    return [*thoughts, *images, *said, *rest]


def _whose(message: Message) -> str:
    return "your question" if message.role == "user" else "the answer"
