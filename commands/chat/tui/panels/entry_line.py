"""`EntryLine`: a question with a line for its answer, inside a panel."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static


class EntryLine(Vertical):
    """Hidden until something is to be typed; Enter takes it, and `cancel` leaves everything as it is."""

    DEFAULT_CSS = "EntryLine { height: auto; display: none; }"

    def __init__(self) -> None:
        super().__init__(classes="entry")
        self._question = Static("", classes="entry-question")
        self._typed = Input(classes="entry-input")
        self._taken: Callable[[str], None] | None = None
        self._ended: Callable[[], None] | None = None

    def compose(self) -> ComposeResult:
        """The question above the line."""
        yield self._question
        yield self._typed

    @property
    def is_open(self) -> bool:
        """Whether it waits for an answer."""
        return self._taken is not None

    def ask(self, question: str, value: str, taken: Callable[[str], None], ended: Callable[[], None]) -> None:
        """Shows itself.

        Args:
            question: What is to be typed.
            value: What stands there already.
            taken: Gets the answer.
            ended: Called afterwards, and when nothing was answered.
        """
        self._taken, self._ended = taken, ended
        self._question.update(Content(question))
        self._typed.value = value
        self.display = True
        self._typed.focus()

    def cancel(self) -> None:
        """Nothing is answered."""
        self._close()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Takes the answer."""
        event.stop()
        taken = self._taken
        self._close()
        if taken is not None:
            taken(event.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Nobody else's business."""
        event.stop()

    def _close(self) -> None:
        ended, self._taken, self._ended = self._ended, None, None
        self.display = False
        if ended is not None:
            ended()
