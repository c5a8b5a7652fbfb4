"""`LastResort`: the end of a process that was told to end and does not."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from types import FrameType
from typing import Final

ORDER_SECONDS: Final = 3.0
"""How long the end in order may take before it is done here, and then again before the process is ended."""


class LastResort:
    """Waits, in a thread of its own, until the process is told to end, and ends it when it does not end by itself.

    A terminal that takes nothing any more, or an event loop that stands still, would otherwise keep the process, its
    conversation and its server.
    """

    def __init__(self, close: Callable[[], None], seconds: float = ORDER_SECONDS) -> None:
        """
        Args:
            close: Keeps what must be kept; called in that thread, also when it was called elsewhere already.
            seconds: How long the end in order may take.
        """
        self._close = close
        self._seconds = seconds
        self._told: SimpleQueue[int] = SimpleQueue()  # The one queue that a signal handler may put something into.

    def watch(self, numbers: Iterable[signal.Signals]) -> None:
        """Begins; in the main thread, after the event loop got its handlers, which go on to be called.

        The event loop learns of a signal by a byte that the interpreter writes to it, whatever the handler is. It
        puts the usual handlers back when it closes.

        Raises:
            ValueError: This is not the main thread.
        """
        for number in numbers:
            signal.signal(number, self._tell)
        threading.Thread(target=self._run, name="sgl-chat-last-resort", daemon=True).start()

    def _tell(self, number: int, frame: FrameType | None) -> None:
        self._told.put(128 + number)

    def _run(self) -> None:
        code = self._told.get()
        time.sleep(self._seconds)
        try:
            self._close()
            time.sleep(self._seconds)
        finally:
            os._exit(code)
