"""`CodeBlock`: code with its language, a way to copy it, and colours once it is complete.

One widget, however long the code is: every widget of a conversation costs time at each step of an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.highlight import highlight
from textual.message import Message
from textual.widget import Widget

from ...text.oneline import one_line
from ...text.sanitize import sanitize
from ..panels.found import Found

PLAIN_WHILE_OPEN: Final = 2000
"""Letters of code that are coloured while more comes; finding the colours takes time that grows with it."""

MOST_COLOURED: Final = 100_000
COPY: Final = "copy"
_HEAD_STYLE: Final = "$text-muted"
_COPY_STYLE: Final = "$text-accent"


@dataclass(frozen=True)
class _Rendered:
    """Lines for one width and one theme.

    Attributes:
        width: Cells.
        theme: Its name.
        content: The head and the code, in lines of at most ``width`` cells.
        rows: Where each line of the code begins; a long one takes several rows.
        lines: How many rows there are.
    """

    width: int
    theme: str
    content: Content
    rows: tuple[int, ...]
    lines: int


class CodeBlock(Widget):
    """Code of an answer. A line that is too long goes on below; what is copied is the code as it came.

    Attributes:
        source: The code, cleaned.
        language: As the fence says.
    """

    DEFAULT_CSS = "CodeBlock { height: auto; width: 1fr; }"

    class Copied(Message):
        """Somebody wants the code on the clipboard."""

        def __init__(self, code: str) -> None:
            super().__init__()
            self.code = code

    def __init__(self, source: str, language: str, *, closed: bool = True) -> None:
        super().__init__()
        self.source = sanitize(source)
        self.language = one_line(language)[:30]
        self._complete = closed
        self._found = Found()
        self._cache: _Rendered | None = None

    def update(self, source: str, *, closed: bool) -> None:
        """More code has come."""
        source = sanitize(source)
        if (source, closed) != (self.source, self._complete):
            self.source, self._complete, self._cache = source, closed, None
            self.refresh(layout=True)

    def mark(self, *words: str, current: int = -1) -> None:
        """Marks places as `MarkdownText.mark` does."""
        found = Found(words, current)
        if found != self._found:
            self._found, self._cache = found, None
            self.refresh()

    def places(self) -> list[tuple[Widget, int]]:
        """As `MarkdownText.places`."""
        rows = self._lines(self.size.width).rows
        return [(self, rows[line]) for line in self._found.lines(self._code)]

    def on_click(self, event: Click) -> None:
        """Copies the code, when the word for it is meant."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.y == 0 and offset.x >= self.size.width - len(COPY):
            event.stop()
            self.post_message(self.Copied(self.source))

    def render(self) -> Content:
        """The lines for the width that there is."""
        return self._lines(self.size.width).content

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """How many lines it takes."""
        return self._lines(width).lines

    def notify_style_update(self) -> None:
        """The theme may be another."""
        self._cache = None
        super().notify_style_update()

    @property
    def _code(self) -> str:
        return self.source.removesuffix("\n").expandtabs(4)

    def _lines(self, width: int) -> _Rendered:
        width, theme = max(len(COPY) + 1, width), self.app.theme
        if self._cache is None or (self._cache.width, self._cache.theme) != (width, theme):
            head, code = _head(self.language or "text", width), self._found.mark(self._coloured())
            lines = code.plain.split("\n")
            if max(map(cell_len, lines)) <= width:
                content, rows, count = Content.assemble(head, "\n", code), range(1, len(lines) + 1), len(lines) + 1
                self._cache = _Rendered(width, theme, content, tuple(rows), count)
            else:
                self._cache = _Rendered(width, theme, *_folded(head, code, width))
        return self._cache

    def _coloured(self) -> Content:
        code = self._code
        most = MOST_COLOURED if self._complete else PLAIN_WHILE_OPEN
        if not self.language or len(code) > most:
            return Content(code)
        return highlight(code, language=self.language)


def _folded(head: Content, code: Content, width: int) -> tuple[Content, tuple[int, ...], int]:
    """What `_Rendered` holds for code with lines that are too long."""
    shown, rows = [head], []
    for line in code.split("\n", allow_blank=True):
        rows.append(len(shown))
        shown += line.fold(width) if line.cell_length > width else [line]
    return Content("\n").join(shown), tuple(rows), len(shown)


def _head(language: str, width: int) -> Content:
    room = width - len(COPY)
    return Content.assemble((language[: room - 1].ljust(room), _HEAD_STYLE), (COPY, _COPY_STYLE))
