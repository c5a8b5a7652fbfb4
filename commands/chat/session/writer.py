"""Writes a streamed answer to a terminal or a pipe: the answer to one stream, the reasoning to another."""

from __future__ import annotations

from typing import Final, TextIO

from sgl.terminal import Terminal

from ..client.events import Event, ReasoningDelta, Replaced, TextDelta
from ..text.sanitize import Sanitizer

MOVED: Final = "note: what came so far was reasoning; the answer begins below"


class Writer:
    """Shows the events of one answer as they come; model text is cleaned of what could drive a terminal.

    Attributes:
        wrote: Whether anything of the answer was written.
    """

    def __init__(self, out: TextIO, err: TextIO, *, reasoning: bool, raw: bool = False) -> None:
        """
        Args:
            out: Takes the answer.
            err: Takes everything else.
            reasoning: Whether to show it.
            raw: Write the text as it came; never done on a terminal.
        """
        self.wrote = False
        self._out = out
        self._err = err
        self._style = Terminal(err)
        self._reasoning = reasoning
        self._raw = raw and not out.isatty()
        self._text_cleaner = Sanitizer()
        self._thought_cleaner = Sanitizer()
        self._thinking = False
        self._ends_with_newline = True

    def show(self, event: Event) -> None:
        """Writes what the event brings."""
        match event:
            case TextDelta(text):
                self._answer(text if self._raw else self._text_cleaner.feed(text))
            case ReasoningDelta(text):
                self._thought(self._thought_cleaner.feed(text))
            case Replaced(_, text):
                if self.wrote:
                    self._end_line()
                    print(MOVED, file=self._err, flush=True)
                self._text_cleaner = Sanitizer()
                self._answer(text if self._raw else self._text_cleaner.feed(text))

    def close(self) -> None:
        """Ends the answer: it is followed by a newline."""
        self._end_thinking()
        if not self._raw:
            self._answer(self._text_cleaner.close())
        self._end_line()

    def _answer(self, text: str) -> None:
        if not text:
            return
        self._end_thinking()
        # Noted first: Ctrl-C may come right after the text is out.
        self.wrote = True
        self._ends_with_newline = text.endswith("\n")
        self._out.write(text)
        self._out.flush()

    def _thought(self, text: str) -> None:
        if not text or not self._reasoning:
            return
        self._thinking = True
        self._err.write(self._style.style(text, "dim"))
        self._err.flush()

    def _end_thinking(self) -> None:
        if self._thinking:
            self._thinking = False
            self._err.write("\n\n")
            self._err.flush()

    def _end_line(self) -> None:
        if not self._ends_with_newline:
            self._ends_with_newline = True
            self._out.write("\n")
            self._out.flush()
