"""Processes of a server: a signal for the right one, waiting for its end, the memory they take. Linux, mostly."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Final

POLL_SECONDS: Final = 0.05
_PROC: Final = Path("/proc")
_SIGNAL_ZERO: Final = 0


class ProcessHandle:
    """One process, as long as it is the one it was: a process id that is used again is noticed.

    Open it while the process is known to live, and check after that it still does; from then on no signal can reach
    another process. Where the system has no handles for processes (outside Linux), the id alone has to do.
    """

    def __init__(self, pid: int) -> None:
        """Opens a handle.

        Raises:
            ProcessLookupError: There is no such process.
        """
        self.pid = pid
        self._descriptor = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None

    def send(self, number: signal.Signals) -> bool:
        """Sends a signal; False when the process is gone.

        Raises:
            PermissionError: It is another user's.
        """
        try:
            if self._descriptor is None:
                os.kill(self.pid, number)
            else:
                signal.pidfd_send_signal(self._descriptor, number)
        except ProcessLookupError:
            return False
        return True

    def wait(self, seconds: float) -> bool:
        """Waits for its end; False when it still runs after ``seconds``."""
        if self._descriptor is not None:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            return bool(poll.poll(max(0.0, seconds) * 1000))
        return wait_until(lambda: not _exists(self.pid), seconds)

    def close(self) -> None:
        """Lets go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> ProcessHandle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Waits until ``condition`` holds; returns whether it did within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def family(pid: int) -> set[int]:
    """A process and all that it started, directly or not; just itself where /proc is missing."""
    parents: dict[int, int] = {}
    for folder in _PROC.glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue  # It has just ended.
        parents[int(folder.name)] = int(fields[1])
    members = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in members} - members
        if not more:
            return members
        members |= more


def resident_bytes(pids: Collection[int]) -> int | None:
    """Memory of these processes that is in RAM, shared pages counted in each; None where nobody says."""
    total: int | None = None
    for pid in pids:
        try:
            pages = int((_PROC / str(pid) / "statm").read_bytes().split()[1])
        except (OSError, IndexError):
            continue
        total = (total or 0) + pages * os.sysconf("SC_PAGE_SIZE")
    return total


def alive(pids: Collection[int]) -> set[int]:
    """Of these processes, those that still run; a zombie does not."""
    return {pid for pid in pids if _exists(pid) and not _is_zombie(pid)}


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, _SIGNAL_ZERO)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_zombie(pid: int) -> bool:
    try:
        return (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
    except (OSError, IndexError):
        return False
