"""`CodeBlock`: code with its language, a way to copy it, and colours once it is complete."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.cells import cell_len
from textual.content import Content
from textual.highlight import highlight

from ...text.oneline import one_line
from ...text.sanitize import sanitize
from ...text.segments import Piece
from ..panels.found import Found
from .block import Block, Look

PLAIN_WHILE_OPEN: Final = 2000
"""Letters of code that are coloured while more comes; finding the colours takes time that grows with it."""

MOST_COLOURED: Final = 100_000
COPY: Final = "copy"
_HEAD_STYLE: Final = "$text-muted"
_COPY_STYLE: Final = "$text-accent"


class CodeBlock(Block):
    """Code of an answer. A line that is too long goes on below; what is copied is the code as it came.

    Attributes:
        source: The code, cleaned.
        language: As the fence says.
    """

    boxed: ClassVar[bool] = True

    def __init__(self, source: str, language: str, *, closed: bool = True) -> None:
        super().__init__(sanitize(source))
        self.language = one_line(language)[:30]
        self._complete = closed

    def shows(self, piece: Piece) -> bool:
        """See `Block.shows`."""
        mine = (self.source, self.language, self._complete)
        return piece.code and mine == (sanitize(piece.text), one_line(piece.language)[:30], piece.closed)

    def lay_out(self, look: Look, found: Found) -> Content:
        """See `Block.lay_out`."""
        return Content("\n").join([_head(self.language or "text", look.width), *self._code_lines(look.width, found)[0]])

    def places(self, look: Look) -> list[int]:
        """As of any text; the head is no place."""
        rows = self._code_lines(look.width, self._found)[1]
        return [rows[line] for line in self._found.lines(self._code)]

    def copies(self, x: int, y: int, width: int) -> bool:
        """Whether the word that copies the code is there.

        Args:
            x: Cell.
            y: Line.
            width: Cells of a line.
        """
        return y == 0 and x >= width - len(COPY)

    @property
    def _code(self) -> str:
        return self.source.removesuffix("\n").expandtabs(4)

    def _code_lines(self, width: int, found: Found) -> tuple[list[Content], list[int]]:
        """The code in lines of at most ``width`` cells, and the row of the block where each of its own begins."""
        code = found.mark(self._coloured())
        lines = code.plain.split("\n")
        if max(map(cell_len, lines)) <= width:
            return [code], list(range(1, len(lines) + 1))
        shown: list[Content] = []
        rows = []
        for line in code.split("\n", allow_blank=True):
            rows.append(len(shown) + 1)
            shown += line.fold(width) if line.cell_length > width else [line]
        return shown, rows

    def _coloured(self) -> Content:
        code = self._code
        most = MOST_COLOURED if self._complete else PLAIN_WHILE_OPEN
        if not self.language or len(code) > most:
            return Content(code)
        return highlight(code, language=self.language)


def _head(language: str, width: int) -> Content:
    room = max(1, width - len(COPY))
    return Content.assemble((language[: room - 1].ljust(room), _HEAD_STYLE), (COPY, _COPY_STYLE))
