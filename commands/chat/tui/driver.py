"""`ChatDriver`: Textual's driver for a terminal that may go away."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import IO, TYPE_CHECKING, Any, cast

from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from textual.app import App


class LastingFile:
    """What is written to it when the terminal is gone is dropped.

    Textual's thread would die of the error, and the next one who writes would wait for it for ever.
    """

    def __init__(self, file: IO[str], on_gone: Callable[[], None]) -> None:
        """
        Args:
            file: The terminal.
            on_gone: Told, in the thread that writes, each time a write fails.
        """
        self._file = file
        self._on_gone = on_gone
        self._gone = False

    def write(self, text: str) -> int:
        """Writes text; all of it counts as written."""
        self._try(lambda: self._file.write(text))
        return len(text)

    def flush(self) -> None:
        """Writes what was kept back."""
        self._try(self._file.flush)

    def fileno(self) -> int:
        """The terminal's number."""
        return self._file.fileno()

    def _try(self, work: Callable[[], object]) -> None:
        if self._gone:  # What the file could not write stays in its buffer: that must not grow.
            return
        try:
            work()
        except OSError:
            self._gone = True
            self._on_gone()


class ChatDriver(LinuxDriver):
    """Tells this process once, as the kernel tells a terminal's programs, that the terminal is gone.

    The kernel tells only those whose controlling terminal it is, and whoever started us may have ignored it.
    """

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._hangup = threading.Lock()  # Never released: whoever gets it tells.
        self._file = cast("Any", LastingFile(cast("IO[str]", self._file), self._hang_up))

    def run_input_thread(self) -> None:
        """Reads keys until the end, or until the terminal is gone."""
        try:
            super().run_input_thread()
        except OSError:
            self._hang_up()

    def _sigcont_application(self, *_: int | FrameType | None) -> None:
        """Goes on after a stop; the kernel also sends SIGCONT after SIGHUP, when there is nothing to go on with.

        Textual would start a second thread for keys, which nobody would end.
        """
        if os.isatty(self.fileno):
            super()._sigcont_application()

    def _hang_up(self) -> None:
        if self._hangup.acquire(blocking=False):
            os.kill(os.getpid(), signal.SIGHUP)
