"""`FormatScreen`: asks in which format a chat is exported."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ...transfer.export import Format

_WHAT_FOR: Final[dict[Format, str]] = {
    "md": "Markdown: what is shown, to read",
    "json": "everything with all branches, to import again",
    "jsonl": "what is shown, as messages of the OpenAI API",
    "html": "a page for a browser",
}


class FormatScreen(ModalScreen[str | None]):
    """Ends with a format, or with None when the person has changed their mind."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        """One row for each format."""
        with Vertical(id="formats"):
            yield Static("Export this chat as")
            yield OptionList(*(Option(f"{name:<6}{words}", id=name) for name, words in _WHAT_FOR.items()))
            yield Static("Enter writes it to a file here, Esc does not", classes="formats-help")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A format was chosen."""
        event.stop()
        self.dismiss(event.option.id)
