"""`CodeBlock`: code with its language, a way to copy it, and colours once it is complete.

One widget, however long the code is: every widget of a conversation costs time at each step of an answer.
"""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.highlight import highlight
from textual.message import Message
from textual.widget import Widget

from ...text.oneline import one_line
from ...text.sanitize import sanitize
from .text_lines import TextLines

PLAIN_WHILE_OPEN: Final = 2000
"""Letters of code that are coloured while more comes; finding the colours takes time that grows with it."""

MOST_COLOURED: Final = 100_000
COPY: Final = "copy"
_HEAD_STYLE: Final = "$text-muted"
_COPY_STYLE: Final = "$text-accent"


class CodeBlock(TextLines):
    """Code of an answer. A line that is too long goes on below; what is copied is the code as it came.

    Attributes:
        source: The code, cleaned.
        language: As the fence says.
    """

    class Copied(Message):
        """Somebody wants the code on the clipboard."""

        def __init__(self, code: str) -> None:
            super().__init__()
            self.code = code

    def __init__(self, source: str, language: str, *, closed: bool = True) -> None:
        super().__init__(sanitize(source))
        self.language = one_line(language)[:30]
        self._complete = closed

    def update(self, source: str, *, closed: bool) -> None:
        """More code has come."""
        source = sanitize(source)
        if (source, closed) != (self.source, self._complete):
            self.source, self._complete = source, closed
            self.lay_out_anew()

    def places(self) -> list[tuple[Widget, int]]:
        """As of any text; its head is no place."""
        rows = self._code_lines(self.size.width)[1]
        return [(self, rows[line]) for line in self.found.lines(self._code)]

    def on_click(self, event: Click) -> None:
        """Copies the code, when the word for it is meant."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.y == 0 and offset.x >= self.size.width - len(COPY):
            event.stop()
            self.post_message(self.Copied(self.source))

    def lay_out(self, width: int) -> Content:
        """See `TextLines.lay_out`."""
        return Content("\n").join([_head(self.language or "text", width), *self._code_lines(width)[0]])

    @property
    def _code(self) -> str:
        return self.source.removesuffix("\n").expandtabs(4)

    def _code_lines(self, width: int) -> tuple[list[Content], list[int]]:
        """The code in lines of at most ``width`` cells, and the row of the widget where each of its own begins."""
        code = self.found.mark(self._coloured())
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
