"""`Interrupting`: Ctrl-C while a load runs: the first ends it with a report, the second gives up what is under way."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, Final

from ..load.control import Control
from ..load.progress import Progress

HEARD: Final = (signal.SIGINT, signal.SIGTERM)
"""A job's time limit and a container's end send the second, and its report is wanted as much."""


class Interrupting:
    """While its context is open, Ctrl-C and SIGTERM go to a `Control`. For the main thread; elsewhere it hears nothing.

    Before the first request is sent there is nothing to report: the signal then does what it did before the context.
    So does a third one.

    Attributes:
        interrupted: Whether there was one that ended the run.
    """

    def __init__(self, control: Control, progress: Progress) -> None:
        self.interrupted = False
        self._control = control
        self._progress = progress
        self._former: dict[int, Any] = {}
        self._main = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Interrupting:
        if self._main:
            self._former = {number: signal.signal(number, self._hear) for number in HEARD}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if not self._progress.snapshot().sent or self._control.aborted:
            former = self._former[number]
            if number == signal.SIGTERM and callable(former):
                former(number, frame)
            raise KeyboardInterrupt
        if not self.interrupted:
            # Only the name of the key: a line in the middle of a live view would be overwritten anyway.
            print("stopping: waits for the answers under way; Ctrl-C again gives them up", file=sys.stderr)
        self.interrupted = True
        self._control.interrupt()
