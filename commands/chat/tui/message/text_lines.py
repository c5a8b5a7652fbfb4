"""`TextLines`: a widget whose text is laid out to lines once for each width and theme, with places that are marked."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from ..panels.found import Found


@dataclass(frozen=True)
class _Laid:
    """Lines for one width and one theme."""

    width: int
    theme: str
    content: Content
    count: int


class TextLines(Widget):
    """Lays its text out when it must, and remembers the lines.

    Attributes:
        source: The text.
    """

    DEFAULT_CSS = "TextLines { height: auto; width: 1fr; }"

    def __init__(self, source: str, *, classes: str = "") -> None:
        super().__init__(classes=classes)
        self.source = source
        self.found = Found()
        self._laid: _Laid | None = None

    @abstractmethod
    def lay_out(self, width: int) -> Content:
        """All of the text as lines of at most ``width`` cells, with the places of `found` marked."""

    def mark(self, *words: str, current: int = -1) -> None:
        """Marks every place where one of ``words`` stands; none, or empty ones, take the marks away.

        Args:
            words: See `Found`.
            current: Which place stands out.
        """
        found = Found(words, current)
        if found != self.found:
            self.found, self._laid = found, None
            self.refresh()

    def places(self) -> list[tuple[Widget, int]]:
        """Where the marked places are: a widget, and a line of it. Known once it has its width."""
        return [(self, line) for line in self.found.lines(self._lines(self.size.width).content.plain)]

    def render(self) -> Content:
        """The lines for the width that there is."""
        return self._lines(self.size.width).content

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """How many lines it takes."""
        return self._lines(width).count

    def notify_style_update(self) -> None:
        """The theme may be another."""
        self._laid = None
        super().notify_style_update()

    def lay_out_anew(self) -> None:
        """The text is another."""
        self._laid = None
        self.refresh(layout=True)

    def _lines(self, width: int) -> _Laid:
        width, theme = max(1, width), self.app.theme
        if self._laid is None or (self._laid.width, self._laid.theme) != (width, theme):
            content = self.lay_out(width)
            self._laid = _Laid(width, theme, content, content.plain.count("\n") + 1)
        return self._laid
