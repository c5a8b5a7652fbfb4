"""`MarkdownText`: Markdown in one widget, rendered by Rich to lines that Textual can select and colour.

Textual's own Markdown makes a widget of every block, list item and table cell, which costs seconds for a long
answer. Here a piece of text is one widget, and rendering 1 KB of it takes some 10 ms.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Heading, Markdown, MarkdownElement
from rich.text import Text
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from ..text.sanitize import sanitize
from .look import markdown_styles


class _LeftHeading(Heading):
    """A heading at the left, without the box that Rich puts around a first one."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        yield self.text


class _Markdown(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {**Markdown.elements, "heading_open": _LeftHeading}


@dataclass(frozen=True)
class _Rendered:
    """Lines for one width and one theme."""

    width: int
    theme: str
    content: Content
    lines: int


class MarkdownText(Widget):
    """Shows Markdown. It is cleaned here: what a model wrote cannot drive the terminal.

    Attributes:
        source: The Markdown as it came.
    """

    DEFAULT_CSS = "MarkdownText { height: auto; width: 1fr; }"

    def __init__(self, source: str = "", *, classes: str = "") -> None:
        super().__init__(classes=classes)
        self.source = source
        self._found = ""
        self._cache: _Rendered | None = None

    def update(self, source: str) -> None:
        """Shows another text."""
        if source != self.source:
            self.source, self._cache = source, None
            self.refresh(layout=True)

    def mark(self, words: str) -> None:
        """Marks every place where ``words`` stand, in any case; an empty text marks none."""
        if words != self._found:
            self._found, self._cache = words, None
            self.refresh()

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

    def _lines(self, width: int) -> _Rendered:
        width, theme = max(1, width), self.app.theme
        if self._cache is None or (self._cache.width, self._cache.theme) != (width, theme):
            content = render_markdown(self.source, width, self.app.theme_variables)
            if self._found:
                content = _marked(content, self._found)
            self._cache = _Rendered(width, theme, content, content.plain.count("\n") + 1)
        return self._cache


def render_markdown(source: str, width: int, variables: dict[str, str]) -> Content:
    """Markdown as lines of at most ``width`` cells. Links show their address; nothing is a control sequence.

    Args:
        source: Markdown of anyone.
        width: Cells.
        variables: Colours of the theme.
    """
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        theme=markdown_styles(variables),
        highlight=False,
        emoji=False,
    )
    lines = console.render_lines(_Markdown(sanitize(source), hyperlinks=False), pad=False)
    while lines and not "".join(segment.text for segment in lines[-1]).strip():
        lines.pop()
    while lines and not "".join(segment.text for segment in lines[0]).strip():
        lines.pop(0)
    rows = [Text.assemble(*((segment.text, segment.style or "") for segment in line)) for line in lines]
    for row in rows:
        row.rstrip()
    return Content.from_rich_text(Text("\n").join(rows))


def _marked(content: Content, words: str) -> Content:
    text, wanted, at = content.plain.lower(), words.lower(), 0
    if len(text) != len(content.plain):  # A letter whose lower case is two: places would be off.
        return content
    while (at := text.find(wanted, at)) >= 0:
        content = content.stylize("reverse", at, at + len(wanted))
        at += len(wanted)
    return content
