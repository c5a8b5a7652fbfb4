"""`TextScreen`: a text over the chat: lists, figures, the prompt as the model reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ...text.oneline import one_line
from ..message.text_lines import TextLines
from .columns_text import ColumnsText

Body = Content | TextLines | ColumnsText
"""Content must be clean; the widgets clean their text themselves."""


class TextScreen(ModalScreen[None]):
    """Shows a text until Esc or q; the arrows scroll, y copies."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close"),
        Binding("y", "copy", "Copy"),
    ]

    def __init__(self, title: str, body: Body, copy: Callable[[str], None] | None = None) -> None:
        """
        Args:
            title: What is shown.
            body: The text.
            copy: Takes what y copies; by default the terminal's clipboard.
        """
        super().__init__()
        self._head = one_line(title)
        self._body = body
        self._copy = copy

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        with Vertical(id="text-box"):
            yield Static(Content(self._head), id="text-title")
            with VerticalScroll(id="text-body"):
                yield Static(self._body) if isinstance(self._body, Content) else self._body
            yield Static(Content("Esc closes, y copies, arrows scroll"), id="text-keys")

    @property
    def plain(self) -> str:
        """The text without colours."""
        body = self._body
        return body.source if isinstance(body, TextLines) else body.plain

    def on_mount(self) -> None:
        """Keys scroll at once."""
        self.query_one("#text-body").focus()

    def action_close(self) -> None:
        """Esc, q."""
        self.dismiss()

    def action_copy(self) -> None:
        """y."""
        if self._copy is not None:
            self._copy(self.plain)
            return
        self.app.copy_to_clipboard(self.plain)
        self.notify("copied")
