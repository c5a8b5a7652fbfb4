"""`AskScreen`: a question that is answered with yes or no."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ...text.oneline import one_line


class AskScreen(ModalScreen[bool]):
    """Y is yes; N, Esc and Ctrl+C are no. Enter is neither: it is pressed too easily."""

    BINDINGS = [  # noqa: RUF012 - Textual declares it so.
        ("y", "answer(True)", "Yes"),
        ("n,escape,ctrl+c", "answer(False)", "No"),
    ]

    def __init__(self, question: str, yes: str) -> None:
        """
        Args:
            question: On one line.
            yes: What yes does, in a word.
        """
        super().__init__(classes="dialog-screen")
        self._asked = one_line(question)
        self._yes = yes

    def compose(self) -> ComposeResult:
        """The question, and the keys."""
        with Vertical(classes="dialog"):
            yield Static(Content(self._asked), classes="dialog-title")
            yield Static(Content(f"y  {self._yes}    n  leave it as it is"), classes="dialog-keys")

    def action_answer(self, answer: bool) -> None:
        """Says what was pressed."""
        self.dismiss(answer)
