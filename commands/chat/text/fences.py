"""Finds the blocks of streamed Markdown that matter to a chat: fenced code, and where the text may be frozen.

`MarkdownBlocks` reads whole lines as CommonMark does: block quotes and list items as nested containers, fences,
HTML blocks that may hold blank lines. It needs no parser of inline text and looks at every line once.
"""

from __future__ import annotations

from dataclasses import dataclass

from .commonmark import (
    CodeFence,
    Container,
    Item,
    Quote,
    begins_block,
    closes_fence,
    code_fence,
    dedent,
    html_block_end,
    indent_of,
    is_blank,
    is_heading,
    is_rule,
    is_underline,
    open_item,
    open_quote,
)


@dataclass(frozen=True)
class CodeBlock:
    """One fenced block of code.

    Attributes:
        language: First word after the opening fence, such as ``python``; often empty.
        content: The code, without what indents or quotes the fence; ends with a newline unless empty.
        start: Where its first line begins in the whole text.
        end: Where the line after its closing fence begins.
        closed: Whether the closing fence is there; an answer that was cut off may lack it.
        nested: Whether it stands inside a list or a quote.
    """

    language: str
    content: str
    start: int
    end: int
    closed: bool
    nested: bool = False


class MarkdownBlocks:
    """Reads a stream; any cut of the stream into chunks gives the same blocks.

    Attributes:
        frozen: The text before this offset will render the same whatever follows: it ends after a blank line that
            is outside of fences, lists, tables and indented code. Only grows.
    """

    def __init__(self) -> None:
        self.frozen = 0
        self._blocks: list[CodeBlock] = []
        self._partial: list[str] = []
        self._offset = 0  # Where the line that is read begins.
        self._containers: list[Container] = []
        self._fence: CodeFence | None = None
        self._fence_start = 0
        self._fence_depth = 0
        self._code: list[str] = []
        self._html_end: str | None = None  # What ends the open HTML block; empty for a blank line.
        self._paragraph = False
        self._bare_item = False  # The line before opened an item without text, which a blank line would end.
        self._blank_end: int | None = None  # Where the blank lines end that were just read; None after others.
        self._after_list = False  # Whether these blank lines follow a list.

    @property
    def blocks(self) -> tuple[CodeBlock, ...]:
        """The code blocks so far, in order; the last may be still open."""
        if self._fence is None:
            return tuple(self._blocks)
        return (*self._blocks, self._block(self._offset, closed=False))

    @property
    def in_code(self) -> bool:
        """Whether a fence is open."""
        return self._fence is not None

    def feed(self, text: str) -> None:
        """Takes the next chunk; a line counts when its newline has come."""
        head, newline, tail = text.rpartition("\n")
        if not newline:
            self._partial.append(text)
            return
        lines = ("".join(self._partial) + head).split("\n")
        self._partial = [tail] if tail else []
        for line in lines:
            self._line(line, len(line) + 1)

    def close(self) -> None:
        """Ends the stream: the last line counts without a newline."""
        rest = "".join(self._partial)
        self._partial = []
        if rest:
            self._line(rest, len(rest))

    def _line(self, line: str, length: int) -> None:
        line = line.removesuffix("\r")
        depth, rest = self._match_containers(line)
        if self._fence is None or not self._fence_line(depth, rest, length):
            in_html = self._html_end is not None and depth == len(self._containers)
            if in_html and (self._html_end or not is_blank(rest)):
                self._html_line(rest)
            elif is_blank(rest):
                self._blank_line(depth)
            else:
                self._content_line(depth, rest)
        self._offset += length
        if self._blank_end is not None:
            self._blank_end = self._offset

    def _match_containers(self, line: str) -> tuple[int, str]:
        """How many of the open containers the line continues, and what is left of it then."""
        for depth, container in enumerate(self._containers):
            inner = container.strip(line)
            if inner is None:
                return depth, line
            line = inner
        return len(self._containers), line

    def _fence_line(self, depth: int, rest: str, length: int) -> bool:
        """Reads a line while a fence is open; returns False when the fence's container has ended before it."""
        assert self._fence is not None
        if depth < len(self._containers):
            self._end_fence(self._offset, closed=False)
            return False
        if closes_fence(self._fence, rest):
            self._end_fence(self._offset + length, closed=True)
        else:
            self._code.append(dedent(rest, self._fence.indent) + "\n")
        return True

    def _end_fence(self, end: int, *, closed: bool) -> None:
        self._blocks.append(self._block(end, closed=closed))
        self._fence, self._code = None, []

    def _block(self, end: int, *, closed: bool) -> CodeBlock:
        language = self._fence.language if self._fence else ""
        nested = self._fence_depth > 0
        return CodeBlock(language, "".join(self._code), self._fence_start, end, closed, nested)

    def _html_line(self, rest: str) -> None:
        if self._html_end and self._html_end in rest.lower():
            self._html_end = None

    def _blank_line(self, depth: int) -> None:
        self._paragraph, self._html_end = False, None
        bare_item, self._bare_item = self._bare_item and depth == len(self._containers), False
        del self._containers[depth:]
        if self._blank_end is None and not any(isinstance(container, Quote) for container in self._containers):
            self._after_list = bool(self._containers)
            self._blank_end = self._offset
        if bare_item:
            self._containers.pop()

    def _content_line(self, depth: int, rest: str) -> None:
        if depth < len(self._containers):
            if self._paragraph and not begins_block(rest):
                return  # The paragraph inside the container goes on; its container need not be repeated.
            del self._containers[depth:]
            self._paragraph, self._html_end = False, None
        containers = len(self._containers)
        inner = self._open_containers(rest)
        self._bare_item = (
            is_blank(inner) and len(self._containers) > containers and isinstance(self._containers[-1], Item)
        )
        if self._blank_end is not None:
            self._freeze(depth, rest)
        self._leaf(inner)

    def _open_containers(self, rest: str) -> str:
        """Opens the quotes and list items that begin here; returns what is left of the line."""
        while not is_rule(rest):
            opened = open_quote(rest) or open_item(rest, in_paragraph=self._paragraph)
            if opened is None:
                break
            container, rest = opened
            self._containers.append(container)
            self._paragraph, self._html_end = False, None
        return rest

    def _freeze(self, depth: int, rest: str) -> None:
        """Decides, at the first line after blank ones, whether the text before it stands for itself."""
        list_goes_on = self._after_list and len(self._containers) > depth and isinstance(self._containers[depth], Item)
        if self._blank_end is not None and depth == 0 and indent_of(rest) < 4 and not list_goes_on:
            self.frozen = self._blank_end
        self._blank_end = None

    def _leaf(self, rest: str) -> None:
        """Reads what stands in the innermost container: only fences, HTML and paragraphs matter."""
        if is_blank(rest) or (indent_of(rest) >= 4 and not self._paragraph):
            self._paragraph = False
            return
        fence = code_fence(rest)
        if fence is not None:
            self._fence, self._fence_start, self._paragraph = fence, self._offset, False
            self._fence_depth = len(self._containers)
            return
        ending = html_block_end(rest, in_paragraph=self._paragraph)
        if ending is not None:
            self._paragraph = False
            self._html_end = None if ending and ending in rest.lower() else ending
            return
        heading = is_heading(rest) or is_rule(rest) or (self._paragraph and is_underline(rest))
        self._paragraph = not heading


def code_blocks(text: str) -> tuple[CodeBlock, ...]:
    """The fenced code of a whole text."""
    blocks = MarkdownBlocks()
    blocks.feed(text)
    blocks.close()
    return blocks.blocks
