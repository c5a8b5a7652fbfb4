"""`Interrupts`: Ctrl-C and SIGTERM noted, not raised, while a process of ours must not be lost track of."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Final

HANDLED: Final = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """While its context is open, signals only leave a note. For the main thread; elsewhere it notes nothing.

    Attributes:
        first: The first signal that came; None so far.
        second: The second one.
    """

    def __init__(self) -> None:
        self.first: signal.Signals | None = None
        self.second: signal.Signals | None = None
        self._former: dict[signal.Signals, Any] = {}

    def sleep(self, seconds: float) -> None:
        """Waits, but not longer than until the first signal."""
        deadline = time.monotonic() + seconds
        while self.first is None and time.monotonic() < deadline:
            time.sleep(min(0.05, seconds))

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._former = {number: signal.signal(number, self._note) for number in HANDLED}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.first is None:
            self.first = signal.Signals(number)
        elif self.second is None:
            self.second = signal.Signals(number)
