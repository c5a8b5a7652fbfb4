"""`PlainText`: text as somebody typed it."""

from __future__ import annotations

from textual.content import Content

from ...text.sanitize import sanitize
from .markdown_text import MarkdownText


class PlainText(MarkdownText):
    """Shows every line as it is, wrapped where it is too long; nothing in it is Markdown."""

    def render_source(self, width: int) -> Content:
        """The lines for a width."""
        text = sanitize(self.source).strip("\n").expandtabs(4)
        return Content("\n").join(
            line for row in text.split("\n") for line in Content(row).wrap(width) or [Content("")]
        )
