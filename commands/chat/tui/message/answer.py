"""`Answer`: Markdown and code of one message, whole or while it comes."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from ...text.segments import Piece, Segments, cut
from .code_block import CodeBlock
from .markdown_text import MarkdownText
from .plain_text import PlainText

Block = MarkdownText | CodeBlock


class Answer(Vertical):
    """Shows the pieces of a text, each in a widget; while it streams, only the last of them changes.

    Attributes:
        source: All of the text.
        plain: Whether it is shown as it was typed, code in fences apart; else it is Markdown.
    """

    DEFAULT_CSS = "Answer { height: auto; }"

    def __init__(self, source: str = "", *, plain: bool = False) -> None:
        super().__init__()
        self.plain = plain
        self._stored = source
        self._segments: Segments | None = None
        self._blocks: list[Block] = []
        self._shown: list[Piece] = []

    @property
    def source(self) -> str:
        """The text as it came."""
        return self._stored if self._segments is None else self._segments.text

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The widgets of its pieces, from the top."""
        return tuple(self._blocks)

    def compose(self) -> ComposeResult:
        """The pieces of the text that it was made with."""
        self._shown = cut(self._stored)
        self._blocks = [self._block(piece) for piece in self._shown]
        yield from self._blocks

    async def feed(self, text: str) -> None:
        """Shows more."""
        if self._segments is None:
            self._segments = Segments()
            self._segments.feed(self._stored)
        self._segments.feed(text)
        await self._show(self._segments.pieces)

    async def close(self) -> None:
        """No more will come."""
        if self._segments is not None:
            self._segments.close()
            await self._show(self._segments.pieces)
            self._stored, self._segments = self._segments.text, None

    async def replace(self, text: str) -> None:
        """Shows another text in its place; more may follow."""
        self._segments = Segments()
        self._segments.feed(text)
        await self._show(self._segments.pieces)

    def mark(self, *words: str, current: int = -1) -> None:
        """Marks places where one of ``words`` stands; of all of them ``current`` stands out."""
        for block in self._blocks:
            block.mark(*words, current=current)
            if current >= 0:
                current -= len(block.places())

    def places(self) -> list[tuple[Widget, int]]:
        """Where the marked places are: a widget, and a line of it."""
        return [place for block in self._blocks for place in block.places()]

    async def _show(self, pieces: list[Piece]) -> None:
        common = min(len(pieces), len(self._shown))
        for index in range(common):
            if pieces[index] is not self._shown[index]:
                await self._change(index, pieces[index])
        if len(pieces) > common:
            new = [self._block(piece) for piece in pieces[common:]]
            self._blocks += new
            await self.mount(*new)
        for block in self._blocks[len(pieces) :]:
            await block.remove()
        del self._blocks[len(pieces) :]
        self._shown = pieces

    async def _change(self, index: int, piece: Piece) -> None:
        block = self._blocks[index]
        if isinstance(block, CodeBlock) and piece.code and block.language == piece.language:
            block.update(piece.text, closed=piece.closed)
        elif isinstance(block, MarkdownText) and not piece.code:
            block.update(piece.text)
        else:
            self._blocks[index] = self._block(piece)
            await self.mount(self._blocks[index], before=block)
            await block.remove()

    def _block(self, piece: Piece) -> Block:
        if piece.code:
            return CodeBlock(piece.text, piece.language, closed=piece.closed)
        return PlainText(piece.text) if self.plain else MarkdownText(piece.text)
