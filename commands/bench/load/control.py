"""`Control`: ends a run from a signal handler or another thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Control:
    """A switch with two steps. Give it to `run_load`; all of its methods may be called from anywhere.

    Attributes:
        stopped: Whether no more requests are to be sent; those under way are waited for.
        aborted: Whether those are given up, too.
    """

    def __init__(self) -> None:
        self.stopped = False
        self.aborted = False
        self._listeners: tuple[Callable[[], object], ...] = ()

    def interrupt(self) -> None:
        """What Ctrl-C means: the first time `stop`, the second `abort`."""
        if self.stopped:
            self.abort()
        else:
            self.stop()

    def stop(self) -> None:
        """Sends no more; waits for the answers that are under way."""
        self.stopped = True
        self._tell()

    def abort(self) -> None:
        """Waits for nothing."""
        self.stopped = self.aborted = True
        self._tell()

    @contextmanager
    def heard(self, listener: Callable[[], object]) -> Iterator[None]:
        """Calls ``listener`` when something changes, at once if it has; in whatever thread that happens."""
        # A tuple that is replaced, no lock: a signal handler must never wait for the thread that it interrupts.
        self._listeners = (*self._listeners, listener)
        try:
            if self.stopped:
                listener()
            yield
        finally:
            self._listeners = tuple(each for each in self._listeners if each is not listener)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()
