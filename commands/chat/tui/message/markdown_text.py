"""`MarkdownText`: Markdown in one widget, rendered by Rich to lines that Textual can select and colour.

Textual's own Markdown makes a widget of every block, list item and table cell, which costs seconds for a long
answer. Here a piece of text is one widget, and rendering 1 KB of it takes some 10 ms.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import ClassVar

from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Heading, Markdown, MarkdownElement
from rich.text import Text
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from ...text.sanitize import sanitize
from ..look import markdown_styles
from ..panels.found import Found


class _LeftHeading(Heading):
    """A heading at the left, without the box that Rich puts around a first one."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        yield self.text


class _Markdown(Markdown):
    """Rich's Markdown, but tags are text: Rich would leave out every ``<word>`` that a model writes."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {**Markdown.elements, "heading_open": _LeftHeading}

    def __init__(self, source: str) -> None:
        super().__init__(source, hyperlinks=False)
        self.parsed = [shown for token in self.parsed for shown in _tags_as_text(token)]


def _tags_as_text(token: Token) -> list[Token]:
    for child in token.children or ():
        if child.type == "html_inline":
            child.type = "text"
    if token.type != "html_block":
        return [token]
    children = []
    for number, line in enumerate(token.content.strip("\n").split("\n")):
        children += [Token("hardbreak", "br", 0)] if number else []
        children.append(Token("text", "", 0, content=line))
    inline = Token("inline", "", 0, content=token.content, children=children)
    return [Token("paragraph_open", "p", 1), inline, Token("paragraph_close", "p", -1)]


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
        self._found = Found()
        self._cache: _Rendered | None = None

    def update(self, source: str) -> None:
        """Shows another text."""
        if source != self.source:
            self.source, self._cache = source, None
            self.refresh(layout=True)

    def mark(self, *words: str, current: int = -1) -> None:
        """Marks every place where one of ``words`` stands; none, or empty ones, take the marks away.

        Args:
            words: See `Found`.
            current: Which place stands out.
        """
        found = Found(words, current)
        if found != self._found:
            self._found, self._cache = found, None
            self.refresh()

    def places(self) -> list[tuple[Widget, int]]:
        """Where the marked places are: a widget, and a line of it. Known once it has its width."""
        return [(self, line) for line in self._found.lines(self._lines(self.size.width).content.plain)]

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

    def render_source(self, width: int) -> Content:
        """All of the text as lines of at most ``width`` cells."""
        return render_markdown(self.source, width, self.app.theme_variables)

    def _lines(self, width: int) -> _Rendered:
        width, theme = max(1, width), self.app.theme
        if self._cache is None or (self._cache.width, self._cache.theme) != (width, theme):
            content = self._found.mark(self.render_source(width))
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
    lines = console.render_lines(_Markdown(sanitize(source)), pad=False)
    while lines and not "".join(segment.text for segment in lines[-1]).strip():
        lines.pop()
    while lines and not "".join(segment.text for segment in lines[0]).strip():
        lines.pop(0)
    rows = [Text.assemble(*((segment.text, segment.style or "") for segment in line)) for line in lines]
    for row in rows:
        row.rstrip()
    return Content.from_rich_text(Text("\n").join(rows))
