"""`Progress`: where a measurement is: one line that is redrawn on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, TextIO

from sgl.log import escape
from sgl.terminal import Terminal

REDRAW_SECONDS: Final = 0.25
LINE_SECONDS: Final = 10.0
"""Seconds between two lines where nobody watches."""
_CLEAR: Final = "\r\x1b[K"


class Progress:
    """Shows texts on ``stream``. As a context manager it takes its line away from a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = Terminal(stream)
        self._shown = ""
        self._every = REDRAW_SECONDS if self._terminal.interactive else LINE_SECONDS
        # Where lines stay, a measurement that is over soon needs none.
        self._due = time.monotonic() + (0.0 if self._terminal.interactive else LINE_SECONDS)

    def __call__(self, text: str) -> None:
        """Shows how far it is, unless something was shown just before."""
        now = time.monotonic()
        if now < self._due or text == self._shown:
            return
        self._due, self._shown = now + self._every, text
        line = self._terminal.fit(escape(text))
        if self._terminal.interactive:
            room = max(10, self._terminal.columns - 1)
            print(_CLEAR + self._terminal.style(line[:room], "dim"), end="", file=self._stream, flush=True)
        else:
            print(line, file=self._stream, flush=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminal.interactive and self._shown:
            print(_CLEAR, end="", file=self._stream, flush=True)
