"""`Thoughts`: the reasoning of an answer, folded to one line with the time it took."""

from __future__ import annotations

import time
from typing import Final, Literal

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Click
from textual.reactive import reactive
from textual.timer import Timer
from textual.widgets import Static

from ..look import Marks
from .block import MarkdownBlock
from .text_lines import TextLines

Showing = Literal["shown", "folded", "hidden"]
SHOWINGS: Final[tuple[Showing, ...]] = ("shown", "folded", "hidden")

_TICK_SECONDS: Final = 0.1


class FoldLine(Static):
    """The line that folds and unfolds."""

    def on_click(self, event: Click) -> None:
        """Folds, or unfolds."""
        event.stop()
        thoughts = self.query_ancestor(Thoughts)
        thoughts.folded = not thoughts.folded


class Thoughts(Vertical):
    """Reasoning. While it comes, a timer runs.

    Attributes:
        folded: Whether only the line is shown.
        source: The reasoning.
    """

    DEFAULT_CSS = "Thoughts { height: auto; }"

    folded: reactive[bool] = reactive(True)

    def __init__(
        self, source: str, marks: Marks, *, showing: Showing, seconds: float | None = None, tokens: int | None = None
    ) -> None:
        """
        Args:
            source: What is there already.
            marks: Signs.
            showing: How to begin.
            seconds: How long it took; None while it comes, or when nobody measured.
            tokens: How many it is; None when nobody counted.
        """
        super().__init__()
        self.source = source
        self._marks = marks
        self._seconds = seconds
        self._tokens = tokens
        self._since: float | None = None
        self._ticker: Timer | None = None
        self._line = FoldLine(classes="thoughts-line")
        self._body = TextLines(MarkdownBlock(source), classes="thoughts-body")
        self.set_reactive(Thoughts.folded, showing != "shown")
        self.display = showing != "hidden"

    def compose(self) -> ComposeResult:
        """The line, and the text below it."""
        yield self._line
        yield self._body

    def on_mount(self) -> None:
        """Shows what is there."""
        self.watch_folded()

    def show(self, showing: Showing) -> None:
        """Folds, unfolds or hides it."""
        self.display = showing != "hidden"
        self.folded = showing != "shown"

    def feed(self, text: str) -> None:
        """More has come; the time begins to run with the first of it."""
        if self._since is None:
            self._since = time.monotonic()
            self._ticker = self.set_interval(_TICK_SECONDS, self._label)
        self.source += text
        self._show_body()

    def close(self, seconds: float | None, tokens: int | None) -> None:
        """It is complete, and this is how long it took."""
        if self._ticker is not None:
            self._ticker.stop()
        self._since, self._seconds, self._tokens = None, seconds, tokens
        self._label()

    def replace(self, text: str) -> None:
        """Shows another text in its place."""
        self.source = text
        self._show_body()
        self._label()

    def watch_folded(self) -> None:
        """Shows or hides the text."""
        self._body.display = not self.folded
        self._show_body()
        self._label()

    def _show_body(self) -> None:
        if not self.folded:  # What nobody sees is not rendered.
            self._body.show(MarkdownBlock(self.source))

    def _label(self) -> None:
        mark = self._marks.folded if self.folded else self._marks.open
        if self._since is not None:
            words = f"thinking {time.monotonic() - self._since:.1f} s"
        elif self._seconds is None:
            words = "thought"
        else:
            words = f"thought for {self._seconds:.1f} s"
        if self._tokens is not None:
            words += f", {self._tokens} tokens"
        self._line.update(Content(f"{mark} {words}"))
