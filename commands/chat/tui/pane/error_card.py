"""`ErrorCard`: what went wrong, and the way on, where the answer would have been."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

from ...text.oneline import one_line


class RetryLine(Static):
    """The way on."""

    def on_click(self, event: Click) -> None:
        """Tries once more."""
        event.stop()
        self.post_message(ErrorCard.Retry())


class ErrorCard(Vertical, can_focus=True):
    """One error. R, or a click, tries again.

    Attributes:
        message: What went wrong, on one line.
        hint: What to do; may be empty.
    """

    DEFAULT_CSS = "ErrorCard { height: auto; }"
    BINDINGS = [("r", "retry", "Try again")]  # noqa: RUF012 - Textual declares it so.

    class Retry(Message):
        """Do once more what failed."""

    def __init__(self, message: str, hint: str | None, mark: str) -> None:
        super().__init__()
        self.message, self.hint = one_line(message), one_line(hint or "")
        self._mark = mark

    def compose(self) -> ComposeResult:
        """The message, the hint, and how to try again."""
        yield Static(Content(f"{self._mark} {self.message}"), classes="error-message")
        if self.hint:
            yield Static(Content(self.hint), classes="error-hint")
        yield RetryLine(Content("r  try again"), classes="error-retry")

    def action_retry(self) -> None:
        """Tries once more."""
        self.post_message(self.Retry())
