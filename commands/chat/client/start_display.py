"""`StartDisplay`: the start of a server on standard error, while one waits for it."""

from __future__ import annotations

from types import TracebackType
from typing import TextIO

from sgl.log import escape
from sgl.runs.checklist import Checklist
from sgl.terminal import Terminal

from .progress import Looking, Progress, Starting


class StartDisplay:
    """Draws the steps where a person watches, and takes them away when the server is ready; elsewhere nothing.

    Use it as a context manager: after a failure the steps stay, with a cross.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._checklist: Checklist | None = None
        self._note = ""

    def show(self, progress: Progress) -> None:
        """Draws it."""
        if isinstance(progress, Looking):
            return
        if self._checklist is None:
            terminal = Terminal(self._stream)
            if not terminal.interactive:
                return
            self._checklist = Checklist(self._stream, terminal)
        self._checklist.show(progress.phases, progress.ready_at)
        note = progress.note if isinstance(progress, Starting) else ""
        if note not in ("", self._note):
            self._note = note
            print(escape(note), file=self._checklist.stream)

    def __enter__(self) -> StartDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._checklist is not None:
            if error is None:
                self._checklist.erase()
            else:
                self._checklist.fail()
