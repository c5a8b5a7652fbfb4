"""`Block`: a piece of a text that is laid out to lines. It knows no screen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content

from ...text.sanitize import sanitize
from ...text.segments import Piece
from ..panels.found import Found


@dataclass(frozen=True)
class Look:
    """What lines depend on, beside the text.

    Attributes:
        width: Cells that a line may take.
        theme: Its name.
        variables: Its colours.
    """

    width: int
    theme: str
    variables: Mapping[str, str]

    def like(self, other: Look) -> bool:
        """Whether lines of the one are those of the other."""
        return (self.width, self.theme) == (other.width, other.theme)


class Block(ABC):
    """Lays its text out when it must, and remembers the lines.

    Attributes:
        source: The text.
        boxed: It has a background and a cell of padding at both sides.
    """

    boxed: ClassVar[bool] = False

    def __init__(self, source: str) -> None:
        self.source = source
        self._found = Found()
        self._laid: tuple[Look, Content, tuple[Content, ...]] | None = None

    @abstractmethod
    def lay_out(self, look: Look, found: Found) -> Content:
        """All of the text as lines of at most ``look.width`` cells, with the places of ``found`` marked."""

    def shows(self, piece: Piece) -> bool:
        """Whether this is what a block of the piece would show."""
        return not piece.code and piece.text == self.source

    def content(self, look: Look) -> Content:
        """All of the lines."""
        return self._known(look)[1]

    def lines(self, look: Look) -> tuple[Content, ...]:
        """The same, one by one."""
        return self._known(look)[2]

    def mark(self, found: Found) -> bool:
        """Marks places in the text; returns whether they are others than before."""
        if found == self._found:
            return False
        self._found, self._laid = found, None
        return True

    def places(self, look: Look) -> list[int]:
        """The line of each marked place."""
        return self._found.lines(self.content(look).plain)

    def _known(self, look: Look) -> tuple[Look, Content, tuple[Content, ...]]:
        if self._laid is None or not self._laid[0].like(look):
            content = self.lay_out(look, self._found)
            self._laid = (look, content, tuple(content.split("\n", allow_blank=True)))
        return self._laid


class MarkdownBlock(Block):
    """Markdown. It is cleaned where it is rendered: what a model wrote cannot drive the terminal."""

    def lay_out(self, look: Look, found: Found) -> Content:
        """See `Block.lay_out`."""
        from .render_markdown import render_markdown  # Takes 50 ms, which the first frame does not need.

        return found.mark(render_markdown(self.source, look.width, look.variables))


class PlainBlock(Block):
    """Text as somebody typed it: every line as it is, wrapped where it is too long."""

    def lay_out(self, look: Look, found: Found) -> Content:
        """See `Block.lay_out`."""
        text = sanitize(self.source).strip("\n").expandtabs(4)
        lines = (line for row in text.split("\n") for line in Content(row).wrap(look.width) or [Content("")])
        return found.mark(Content("\n").join(lines))
