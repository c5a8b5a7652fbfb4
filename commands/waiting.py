"""`Waiting`: one line on a terminal that says what is waited for, and goes without a trace."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, TextIO

from sgl.terminal import Terminal

_PATIENCE: Final = 0.3
"""Seconds before the line appears: a quick answer needs none."""
_CLEAR: Final = "\r\x1b[K"


class Waiting:
    """Writes on ``stream`` when a person watches it, else nothing; as a context manager it takes its line away."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = Terminal(stream)
        self._start = time.monotonic()
        self._shown = ""

    def __enter__(self) -> Waiting:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draw("")

    def show(self, names: Sequence[str]) -> None:
        """Names what is not finished."""
        if self._terminal.interactive and time.monotonic() - self._start > _PATIENCE:
            room = max(self._terminal.columns - 16, 10)
            text = ", ".join(names)
            self._draw(f"checking {text if len(text) <= room else text[: room - 3] + '...'}")

    def _draw(self, text: str) -> None:
        if text != self._shown:
            line = f"{self._terminal.mark('run')} {self._terminal.style(text, 'dim')}" if text else ""
            print(_CLEAR + line, end="", file=self._stream, flush=True)
            self._shown = text
