"""`CodeBlock`: code with its language, a way to copy it, and colours once it is complete."""

from __future__ import annotations

from typing import Final

from textual.app import ComposeResult
from textual.containers import Horizontal, ScrollableContainer, Vertical
from textual.content import Content
from textual.events import Click
from textual.highlight import highlight
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from ...text.oneline import one_line
from ...text.sanitize import sanitize
from ..panels.found import Found

PLAIN_WHILE_OPEN: Final = 2000
"""Letters of code that are coloured while more comes; finding the colours takes time that grows with it."""

MOST_COLOURED: Final = 100_000


class CopyButton(Static):
    """A word to click on."""

    def on_click(self, event: Click) -> None:
        """Copies the block that it belongs to."""
        event.stop()
        block = self.query_ancestor(CodeBlock)
        block.post_message(CodeBlock.Copied(block.source))


class CodeBlock(Vertical):
    """Code of an answer.

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
        super().__init__()
        self.source = sanitize(source)
        self.language = one_line(language)[:30]
        self._complete = closed
        self._found = Found()
        self._body = Static(self._colours(), classes="code-body")

    def compose(self) -> ComposeResult:
        """A line with the language, then the code."""
        with Horizontal(classes="code-head"):
            yield Static(Content(self.language or "text"), classes="code-language")
            yield CopyButton("copy", classes="code-copy")
        with ScrollableContainer(classes="code-scroll", can_focus=False):
            yield self._body

    def update(self, source: str, *, closed: bool) -> None:
        """More code has come."""
        source = sanitize(source)
        if (source, closed) != (self.source, self._complete):
            self.source, self._complete = source, closed
            self._body.update(self._colours())

    def mark(self, *words: str, current: int = -1) -> None:
        """Marks places as `MarkdownText.mark` does."""
        found = Found(words, current)
        if found != self._found:
            self._found = found
            self._body.update(self._colours())

    def places(self) -> list[tuple[Widget, int]]:
        """As `MarkdownText.places`."""
        return [(self._body, line) for line in self._found.lines(self._code)]

    @property
    def _code(self) -> str:
        return self.source.removesuffix("\n").expandtabs(4)

    def _colours(self) -> Content:
        return self._found.mark(self._coloured())

    def _coloured(self) -> Content:
        code = self._code
        most = MOST_COLOURED if self._complete else PLAIN_WHILE_OPEN
        if not self.language or len(code) > most:
            return Content(code)
        return highlight(code, language=self.language)
