"""`Interrupting`: Ctrl-C while a load runs: the first ends it with a report, the second gives up what is under way."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any

from ..load.control import Control
from ..load.progress import Progress


class Interrupting:
    """While its context is open, Ctrl-C goes to a `Control`. For the main thread; elsewhere it hears nothing.

    Before the first request is sent there is nothing to report: Ctrl-C then raises `KeyboardInterrupt` as ever. So
    does a third one.

    Attributes:
        interrupted: Whether there was one that ended the run.
    """

    def __init__(self, control: Control, progress: Progress) -> None:
        self.interrupted = False
        self._control = control
        self._progress = progress
        self._former: Any = None
        self._main = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Interrupting:
        if self._main:
            self._former = signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._main:
            signal.signal(signal.SIGINT, self._former)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if not self._progress.snapshot().sent or self._control.aborted:
            raise KeyboardInterrupt
        if not self.interrupted:
            # Only the name of the key: a line in the middle of a live view would be overwritten anyway.
            print("stopping: waits for the answers under way; Ctrl-C again gives them up", file=sys.stderr)
        self.interrupted = True
        self._control.interrupt()
