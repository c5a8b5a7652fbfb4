"""Turns of the workers of one run: a test that takes the time runs alone, all others beside one another."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Turns:
    """Locks that the workers of a run share.

    Whoever wants to run takes the gate for a moment. One who wants to run alone keeps it while the others finish, or
    they would take turns with each other for ever.

    Args:
        run: What the run is called; its workers have it in common.
    """

    def __init__(self, run: str) -> None:
        folder = Path(tempfile.gettempdir())
        self._gate = (folder / f"sgl-tests-{run}.gate").open("w")
        self._floor = (folder / f"sgl-tests-{run}.floor").open("w")

    @contextmanager
    def take(self, *, alone: bool) -> Iterator[None]:
        """Waits for a turn, and has it in the block."""
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._floor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._floor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Takes the files away; the other workers keep theirs open."""
        for file in (self._gate, self._floor):
            Path(file.name).unlink(missing_ok=True)
            file.close()
