"""`TextLines`: one widget for a text of many blocks, however long it is.

Every widget of a conversation costs time whenever anything is laid out, which is at each step of an answer; Textual's
own Markdown makes one of every block, list item and table cell. Here an answer is one widget, and a step draws only
the lines that are in sight, of which all but the last block's are drawn already.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from textual.color import Color
from textual.content import Content
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual
from textual.widget import Widget

from ..panels.found import Found
from .block import Block, Look
from .code_block import CodeBlock
from .placed import placed_size

PADDING: Final = 1
"""Cells at both sides of a boxed block."""


@dataclass(frozen=True)
class _Rows:
    """Where the blocks are.

    Attributes:
        starts: The first row of each block.
        total: Rows of all, with the blank ones between.
    """

    width: int
    theme: str
    starts: tuple[int, ...]
    total: int


class TextLines(Widget):
    """Shows blocks below one another, a blank line between them."""

    DEFAULT_CSS = "TextLines { height: auto; width: 1fr; text-wrap: nowrap; }"

    virtual_size = placed_size()

    class Copied(Message):
        """Somebody wants a block's code on the clipboard."""

        def __init__(self, code: str) -> None:
            super().__init__()
            self.code = code

    def __init__(self, *blocks: Block, classes: str = "") -> None:
        super().__init__(classes=classes)
        self._shown = list(blocks)
        self._first, self._last = True, True
        self._rows_of: _Rows | None = None
        self._drawn: dict[int, tuple[Content, Style, list[Strip]]] = {}
        self._look_of_all = Style()

    @property
    def blocks(self) -> tuple[Block, ...]:
        """From the top."""
        return tuple(self._shown)

    @property
    def source(self) -> str:
        """The text of all blocks."""
        return "".join(block.source for block in self._shown)

    def show(self, *blocks: Block) -> None:
        """Shows other blocks; those that were there before are not laid out again."""
        if list(blocks) != self._shown:
            self._shown = list(blocks)
            self._lay_out_anew()

    def stand(self, *, first: bool, last: bool) -> None:
        """Says whether other lines of the same text are above and below: there is a blank line between."""
        if (first, last) != (self._first, self._last):
            self._first, self._last = first, last
            self._lay_out_anew()

    def mark(self, *words: str, current: int = -1) -> None:
        """Marks every place where one of ``words`` stands; none, or empty ones, take the marks away.

        Args:
            words: See `Found`.
            current: Which place of all stands out.
        """
        changed = False
        for block in self._shown:
            changed |= block.mark(Found(words, current))
            if current >= 0 and self.size.width:
                current -= len(block.places(self._look(self.size.width, block)))
        if changed:
            self.refresh()

    def places(self) -> list[tuple[Widget, int]]:
        """Where the marked places are: a widget, and a line of it. Known once it has its width."""
        width = self.size.width
        starts = self._rows(width).starts
        return [
            (self, start + line)
            for block, start in zip(self._shown, starts, strict=True)
            for line in block.places(self._look(width, block))
        ]

    def on_click(self, event: Click) -> None:
        """Copies code, when the word for it is meant."""
        offset = event.get_content_offset(self)
        at = None if offset is None else self._at(offset.y)
        if offset is None or at is None:
            return
        block, line = at
        if isinstance(block, CodeBlock) and block.copies(offset.x - PADDING, line, self.size.width - 2 * PADDING):
            event.stop()
            self.post_message(self.Copied(block.source))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """How many lines it takes."""
        return self._rows(width).total

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """All there is."""
        return container.width

    def notify_style_update(self) -> None:
        """The theme may be another."""
        self._rows_of = None
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines that are in sight."""
        self._look_of_all = self.visual_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line."""
        width = self.size.width
        at = self._at(y)
        if at is None:
            return Strip.blank(width, self._look_of_all.rich_style)
        block, line = at
        span = None if self.text_selection is None else self.text_selection.get_span(y)
        return self._draw(block, line, y, span)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that is selected, as it is shown."""
        rows = self._rows(self.size.width)
        lines = [""] * rows.total
        for block, start in zip(self._shown, rows.starts, strict=True):
            for number, line in enumerate(block.lines(self._look(self.size.width, block)), start):
                lines[number] = line.plain
        return selection.extract("\n".join(lines)), "\n"

    def _at(self, y: int) -> tuple[Block, int] | None:
        """The block of a row, and its line; None between blocks, and below them."""
        width = self.size.width
        starts = self._rows(width).starts
        index = bisect_right(starts, y) - 1
        if index < 0:
            return None
        block, line = self._shown[index], y - starts[index]
        return (block, line) if line < len(block.lines(self._look(width, block))) else None

    def _draw(self, block: Block, line: int, y: int, span: tuple[int, int] | None) -> Strip:
        look = self._look(self.size.width, block)
        style = self._look_of_all
        if block.boxed:
            style += Style(background=Color.parse(look.variables["surface"]))
        if span is None:
            strip = self._strips(block, look, style)[line]
        else:
            start, end = span
            selected = Style.from_styles(self.screen.get_component_styles("screen--selection"))
            content = block.lines(look)[line]
            content = content.stylize(selected, start, len(content) if end == -1 else end)
            (strip,) = self._strips_of(content, block, look, style)
        strip = strip.apply_offsets(0, y)
        if not block.boxed:
            return strip
        side = Strip.blank(PADDING, style.rich_style)
        return Strip.join([side, strip, side])

    def _strips(self, block: Block, look: Look, style: Style) -> list[Strip]:
        """The lines of a block as they are drawn; drawn once for each look."""
        known = self._drawn.get(id(block))
        content = block.content(look)
        if known is None or known[0] is not content or known[1] != style:
            self._drawn[id(block)] = known = (content, style, self._strips_of(content, block, look, style))
        return known[2]

    def _strips_of(self, content: Content, block: Block, look: Look, style: Style) -> list[Strip]:
        return Visual.to_strips(self, content, look.width, None, style, apply_selection=False, pad=block.boxed)

    def _rows(self, width: int) -> _Rows:
        theme = self.app.theme
        known = self._rows_of
        if known is None or (known.width, known.theme) != (width, theme):
            starts, row = [], 0
            for number, block in enumerate(self._shown):
                row += 1 if number or block.boxed or not self._first else 0
                starts.append(row)
                row += len(block.lines(self._look(width, block)))
            row += 1 if self._last and self._shown and self._shown[-1].boxed else 0
            self._rows_of = known = _Rows(width, theme, tuple(starts), row)
        return known

    def _look(self, width: int, block: Block) -> Look:
        inner = width - 2 * PADDING if block.boxed else width
        return Look(max(1, inner), self.app.theme, self.app.theme_variables)

    def _lay_out_anew(self) -> None:
        self._rows_of = None
        kept = set(map(id, self._shown))
        self._drawn = {key: value for key, value in self._drawn.items() if key in kept}
        self.refresh(layout=True)
