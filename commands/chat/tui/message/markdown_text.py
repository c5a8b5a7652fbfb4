"""`MarkdownText`: Markdown in one widget, rendered by Rich to lines that Textual can select and colour.

Textual's own Markdown makes a widget of every block, list item and table cell, which costs seconds for a long
answer. Here a piece of text is one widget, and rendering 1 KB of it takes some 10 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from ..panels.found import Found


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
        from .render_markdown import render_markdown  # Takes 50 ms, which the first frame does not need.

        return render_markdown(self.source, width, self.app.theme_variables)

    def _lines(self, width: int) -> _Rendered:
        width, theme = max(1, width), self.app.theme
        if self._cache is None or (self._cache.width, self._cache.theme) != (width, theme):
            content = self._found.mark(self.render_source(width))
            self._cache = _Rendered(width, theme, content, content.plain.count("\n") + 1)
        return self._cache
