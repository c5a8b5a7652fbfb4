"""`Composer`: where a question is typed. Enter sends it, Ctrl+J begins a line, the arrows bring back what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from textual.events import Key, Paste
from textual.message import Message
from textual.widgets import TextArea

from ..images import pasted_image

NEW_LINE: Final = ("shift+enter", "ctrl+j", "alt+enter")
QUOTES: Final = '"""'


class Composer(TextArea):
    """Grows with its text.

    Attributes:
        menu_open: Whether Tab, Enter, Escape and the arrows belong to a menu; whoever shows it sets this.
    """

    class Sent(Message):
        """Something is to be asked, or a command to be run."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Typed(Message):
        """The text has changed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class MenuKey(Message):
        """A key for the menu: ``up``, ``down``, ``tab``, ``enter``."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class PictureDropped(Message):
        """The path of a picture was pasted, which is how terminals hand over a dragged file."""

        def __init__(self, path: Path) -> None:
            super().__init__()
            self.path = path

    def __init__(self, history: Sequence[str] = ()) -> None:
        """
        Args:
            history: What was asked before, newest first.
        """
        super().__init__(placeholder="Ask something, or / for commands", highlight_cursor_line=False, id="composer")
        self.menu_open = False
        self._history = list(history)
        self._at: int | None = None  # Which of the history is shown; None for a text of its own.
        self._own = ""

    @property
    def walking(self) -> bool:
        """Whether the text is one of the history that the arrows brought back."""
        return self._at is not None and self.text == self._history[self._at]

    def remember(self, text: str) -> None:
        """Puts a text at the newest end of the history."""
        if text in self._history:
            self._history.remove(text)
        self._history.insert(0, text)
        self._at = None

    def put(self, text: str) -> None:
        """Replaces the text, with the cursor at its end."""
        self.text = text
        self.move_cursor(self.document.end)

    def send(self) -> None:
        """Sends the text, unless it is blank or a quote of several lines is open."""
        text = self.text.strip()
        if text.startswith(QUOTES):
            if len(text) < 2 * len(QUOTES) or not text.endswith(QUOTES):
                self.insert("\n")
                return
            text = text[len(QUOTES) : -len(QUOTES)].strip("\n")
        if text:
            self._at = None
            self.post_message(self.Sent(text))

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Tells what is typed."""
        event.stop()
        self.post_message(self.Typed(self.text))

    async def _on_key(self, event: Key) -> None:
        if self.menu_open and event.key in ("up", "down", "tab", "enter"):
            self._handled(event)
            self.post_message(self.MenuKey(event.key))
        elif event.key == "enter":
            self._handled(event)
            self.send()
        elif event.key in NEW_LINE:
            self._handled(event)
            self.insert("\n")
        elif event.key == "up" and self._walks(row=0):
            self._handled(event)
            self._walk(1)
        elif event.key == "down" and self._at is not None and self._walks(row=self.document.line_count - 1):
            self._handled(event)
            self._walk(-1)
        elif bound := self._bindings.key_to_bindings.get(event.key):
            # At once: a key that first bubbles up to the app is done after the letters that were typed behind it.
            self._handled(event)
            await self.run_action(bound[0].action)
        else:
            await super()._on_key(event)

    async def _on_paste(self, event: Paste) -> None:
        path = pasted_image(event.text)
        if path is not None:
            event.stop()
            event.prevent_default()
            self.post_message(self.PictureDropped(path))
            return
        self._at = None

    def _walks(self, row: int) -> bool:
        """Whether the arrows mean the history: in an empty composer, or once they do, at the first or last line."""
        return (not self.text or self._at is not None) and self.cursor_location[0] == row

    def _walk(self, step: int) -> None:
        at = (-1 if self._at is None else self._at) + step
        if at >= len(self._history):
            return
        if self._at is None:
            self._own = self.text
        if at < 0:
            self._at = None
            self.put(self._own)
            return
        self._at = at
        self.put(self._history[at])

    @staticmethod
    def _handled(event: Key) -> None:
        event.stop()
        event.prevent_default()
