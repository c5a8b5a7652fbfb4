"""`EndPill`: a line that says that there is more below."""

from __future__ import annotations

from textual.content import Content
from textual.events import Click
from textual.widgets import Static

from ..look import Marks
from .transcript import Transcript


class EndPill(Static):
    """Goes to the end of a transcript when it is clicked on."""

    def __init__(self, marks: Marks, transcript: Transcript) -> None:
        super().__init__(Content(f"{marks.down} more below"), classes="pill")
        self._transcript = transcript

    def on_click(self, event: Click) -> None:
        """Goes there."""
        event.stop()
        self._transcript.follow()
