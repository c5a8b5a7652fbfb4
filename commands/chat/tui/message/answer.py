"""`Answer`: Markdown and code of one message, whole or while it comes."""

from __future__ import annotations

from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from ...text.segments import Piece, Segments, cut
from .block import Block, MarkdownBlock, PlainBlock
from .code_block import CodeBlock
from .placed import placed_size
from .text_lines import TextLines

PAGE_LETTERS: Final = 2000
"""From here on a page takes no more blocks."""


class Answer(Vertical):
    """Shows the pieces of a text, a block each.

    Blocks that will not change stand on pages, and the last one stands below them while the text comes. So a step of
    an answer draws the lines of one block, and there are few widgets to place: both are what a step costs.

    Attributes:
        plain: Whether it is shown as it was typed, code in fences apart; else it is Markdown.
    """

    BLANK = True  # Of itself it shows nothing; drawing its empty lines at each step would cost as much as the text.
    DEFAULT_CSS = "Answer { height: auto; }"

    virtual_size = placed_size()

    def __init__(self, source: str = "", *, plain: bool = False) -> None:
        super().__init__()
        self.plain = plain
        self._stored = source
        self._segments: Segments | None = None
        self._final: list[Piece] = []
        self._pages: list[TextLines] = []
        self._last = TextLines()

    @property
    def source(self) -> str:
        """The text as it came."""
        return self._stored if self._segments is None else self._segments.text

    @property
    def pages(self) -> tuple[TextLines, ...]:
        """The widgets that hold the text, from the top."""
        return (*self._pages, self._last)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks, from the top."""
        return tuple(block for page in self.pages for block in page.blocks)

    def compose(self) -> ComposeResult:
        """The pieces of the text that it was made with."""
        self._add(cut(self._stored))
        self._place()
        yield from self.pages

    def feed(self, text: str) -> None:
        """Shows more."""
        if self._segments is None:
            self._segments = Segments()
            self._segments.feed(self._stored)
        self._segments.feed(text)
        self._show(self._segments)

    def close(self) -> None:
        """No more will come."""
        if self._segments is not None:
            self._segments.close()
            self._show(self._segments)
            self._stored, self._segments = self._segments.text, None

    def replace(self, text: str) -> None:
        """Shows another text in its place; more may follow."""
        self._segments = Segments()
        self._segments.feed(text)
        self._show(self._segments)

    def mark(self, *words: str, current: int = -1) -> None:
        """Marks places where one of ``words`` stands; of all of them ``current`` stands out."""
        for page in self.pages:
            page.mark(*words, current=current)
            if current >= 0:
                current -= len(page.places())

    def places(self) -> list[tuple[Widget, int]]:
        """Where the marked places are: a widget, and a line of it."""
        return [place for page in self.pages for place in page.places()]

    def _show(self, segments: Segments) -> None:
        final, last = segments.final, segments.last
        known = len(self._final)
        if len(final) < known or any(a is not b for a, b in zip(self._final, final, strict=False)):
            for page in self._pages:
                page.remove()
            self._pages, self._final, known = [], [], 0
        before = len(self._pages)
        self._add(final[known:])
        self._last.show(*([] if last is None else [self._block(last)]))
        self._place()
        if new := self._pages[before:]:
            self.mount(*new, before=self._last)

    def _add(self, pieces: list[Piece]) -> None:
        """Puts pieces that are final on pages."""
        for piece in pieces:
            page = self._pages[-1] if self._pages else None
            if page is None or sum(len(block.source) for block in page.blocks) > PAGE_LETTERS:
                page = TextLines()
                self._pages.append(page)
            page.show(*page.blocks, self._block(piece))
        self._final += pieces

    def _place(self) -> None:
        """Tells each page what is around it."""
        shown = [page for page in self.pages if page.blocks]
        for page in shown:
            page.stand(first=page is shown[0], last=page is shown[-1])

    def _block(self, piece: Piece) -> Block:
        """The block of a piece: the one that shows it now, if there is one."""
        for block in self._last.blocks:
            if block.shows(piece):
                return block
        if piece.code:
            return CodeBlock(piece.text, piece.language, closed=piece.closed)
        return PlainBlock(piece.text) if self.plain else MarkdownBlock(piece.text)
