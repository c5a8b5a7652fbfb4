"""`MarkdownText`: Markdown in one widget, rendered by Rich to lines that Textual can select and colour.

Textual's own Markdown makes a widget of every block, list item and table cell, which costs seconds for a long
answer. Here a piece of text is one widget, and rendering 1 KB of it takes some 10 ms.
"""

from __future__ import annotations

from textual.content import Content

from .text_lines import TextLines


class MarkdownText(TextLines):
    """Shows Markdown. It is cleaned here: what a model wrote cannot drive the terminal.

    Attributes:
        source: The Markdown as it came.
    """

    def __init__(self, source: str = "", *, classes: str = "") -> None:
        super().__init__(source, classes=classes)

    def update(self, source: str) -> None:
        """Shows another text."""
        if source != self.source:
            self.source = source
            self.lay_out_anew()

    def lay_out(self, width: int) -> Content:
        """See `TextLines.lay_out`."""
        return self.found.mark(self.render_source(width))

    def render_source(self, width: int) -> Content:
        """All of the text as lines of at most ``width`` cells."""
        from .render_markdown import render_markdown  # Takes 50 ms, which the first frame does not need.

        return render_markdown(self.source, width, self.app.theme_variables)
