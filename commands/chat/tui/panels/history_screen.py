"""`HistoryScreen`: looks for something that was typed before, in any chat."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ...store.chat_store import ChatStore
from ...text.oneline import one_line
from .found import Found

MOST: Final = 200
"""Prompts that are listed."""

_LETTERS: Final = 400
"""As much of each is looked at for its line."""


class HistoryScreen(ModalScreen[str | None]):
    """Ends with what was chosen, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c,ctrl+g", "close", "Close", priority=True),
        Binding("down,ctrl+r", "move(1)", "Older", priority=True),
        Binding("up,ctrl+s", "move(-1)", "Newer", priority=True),
    ]

    def __init__(self, store: ChatStore, words: str = "") -> None:
        """
        Args:
            store: Where prompts are kept.
            words: What to look for at first.
        """
        super().__init__(classes="dialog-screen")
        self._store = store
        self._typed = Input(one_line(words), placeholder="Search what you typed before", id="history-words")
        self._list = OptionList(id="history-list", markup=False)
        self._prompts: list[str] = []

    def compose(self) -> ComposeResult:
        """Words, what was found, keys."""
        with Vertical(classes="dialog -tall"):
            yield self._typed
            yield self._list
            yield Static(Content("Enter takes it, Up and Down move, Esc closes"), classes="dialog-keys")

    def on_mount(self) -> None:
        """Begins with the newest."""
        self._list.can_focus = False  # The keys are the line's.
        self._typed.focus()
        self._find()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Looks for other words."""
        event.stop()
        self._find()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Takes the one that is highlighted."""
        event.stop()
        at = self._list.highlighted
        if at is not None and at < len(self._prompts):
            self.dismiss(self._prompts[at])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Takes the one that was clicked."""
        event.stop()
        if event.option_index < len(self._prompts):
            self.dismiss(self._prompts[event.option_index])

    def action_move(self, step: int) -> None:
        """Highlights another one."""
        if self._prompts:
            self._list.highlighted = max(0, min(len(self._prompts) - 1, (self._list.highlighted or 0) + step))

    def action_close(self) -> None:
        """Takes none."""
        self.dismiss(None)

    def _find(self) -> None:
        words = self._typed.value.strip()
        self._prompts = self._store.prompts.recent(containing=words, limit=MOST)
        found = Found((words,))
        lines = [found.mark(Content(one_line(prompt[:_LETTERS]))) for prompt in self._prompts]
        empty = "nothing found" if words else "nothing was typed yet"
        self._list.set_options([Option(line) for line in lines] or [Option(Content(empty), disabled=True)])
        self._list.highlighted = 0 if lines else None
