"""Cuts a streamed answer into pieces that are shown apart: Markdown, and code that stands for itself.

All pieces but the last are final: they never change again, however the answer goes on. So a display renders each
once, and only the last one again and again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from .fences import CodeBlock, MarkdownBlocks

LIVE_LETTERS: Final = 500
"""A last piece of Markdown longer than this is cut where it may be."""

_FENCE_TO_BE: Final = re.compile(r" {0,3}(?:`+[^`]*|~{2,}.*)\Z")
"""An unfinished last line that may become a fence, and would flash as text until it is."""


@dataclass(frozen=True)
class Piece:
    """A part of an answer.

    Attributes:
        text: Markdown, or code.
        code: Which of the two.
        language: Of the code; often empty.
        closed: Whether the code's closing fence has come.
    """

    text: str
    code: bool = False
    language: str = ""
    closed: bool = True


class Segments:
    """Takes an answer as it comes; where Markdown is cut into pieces depends on the chunks, what it says does not."""

    def __init__(self) -> None:
        self._blocks = MarkdownBlocks()
        self._text: list[str] = []
        self._tail = ""  # From where the final pieces end.
        self._start = 0  # Where that is.
        self._final: list[Piece] = []
        self._seen = 0  # Code blocks that are final.
        self._closed = False

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._text)

    def feed(self, text: str) -> None:
        """Takes the next chunk."""
        self._text.append(text)
        self._tail += text
        self._blocks.feed(text)
        self._settle()

    def close(self) -> None:
        """The answer is complete."""
        self._closed = True
        self._blocks.close()
        self._settle()

    @property
    def final(self) -> list[Piece]:
        """The pieces that will not change; the same objects each time."""
        return list(self._final)

    @property
    def last(self) -> Piece | None:
        """The piece that may still change, as far as it has come."""
        return self._rest()

    @property
    def pieces(self) -> list[Piece]:
        """The pieces so far."""
        last = self.last
        return [*self._final, last] if last is not None else list(self._final)

    def _settle(self) -> None:
        """Makes everything final that is."""
        blocks = self._blocks.blocks
        for block in blocks[self._seen :]:
            # One without its closing fence has ended all the same when its list or quote has.
            is_open = block is blocks[-1] and self._blocks.in_code
            if block.nested and is_open:
                break
            if block.nested:
                self._seen += 1
                continue
            self._cut(block.start)  # The text before an open fence will not change.
            if is_open and not self._closed:
                return
            self._final.append(_code(block))
            self._tail, self._start = self._tail[block.end - self._start :], block.end
            self._seen += 1
        if self._blocks.frozen - self._start > 0 and len(self._tail) > LIVE_LETTERS:
            self._cut(self._blocks.frozen)

    def _cut(self, end: int) -> None:
        """Ends a piece of Markdown at an offset of the whole text."""
        if end <= self._start:
            return
        head, self._tail = self._tail[: end - self._start], self._tail[end - self._start :]
        self._start = end
        if head.strip():
            self._final.append(Piece(head))

    def _rest(self) -> Piece | None:
        """The piece that may still change."""
        blocks = self._blocks.blocks
        if len(blocks) > self._seen and not blocks[-1].nested:
            code = _code(blocks[-1])
            line = "" if self._tail.endswith("\n") else self._tail.rpartition("\n")[2]
            unfinished = "" if code.closed or "\n" not in self._tail or _FENCE_TO_BE.match(line) else line
            return Piece(code.text + unfinished, True, code.language, code.closed)
        text = self._tail
        if not self._closed:
            head, newline, line = text.rpartition("\n")
            if _FENCE_TO_BE.match(line):
                text = head + newline
        return Piece(text) if text.strip() else None


def _code(block: CodeBlock) -> Piece:
    return Piece(block.content, True, block.language, block.closed)


def cut(text: str) -> list[Piece]:
    """The pieces of a whole answer."""
    segments = Segments()
    segments.feed(text)
    segments.close()
    return segments.pieces
