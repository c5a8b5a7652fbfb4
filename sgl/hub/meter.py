"""`Meter`: counts the bytes of a download as they arrive, for whoever shows them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_WINDOW: Final = 10.0
"""Seconds over which the rate is taken."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A download at one moment.

    Attributes:
        total: Bytes of all files.
        done: Bytes that are on disk, those of earlier runs included.
        rate: Bytes per second, lately; 0 while unknown.
        active: (path, bytes on disk, size) of each file that is arriving.
    """

    total: int
    done: int
    rate: float
    active: tuple[tuple[str, int, int], ...]

    @property
    def seconds_left(self) -> float | None:
        """Time to the end at this rate, or None while unknown."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None


class Meter:
    """Bytes of one download. Every method may be called from any thread."""

    def __init__(self, total: int, present: int, clock: Callable[[], float] = time.monotonic) -> None:
        """``present`` bytes of ``total`` are on disk before anything is asked for."""
        self.received = 0
        self._total = total
        self._present = present
        self._clock = clock
        self._lock = threading.Lock()
        self._active: dict[str, tuple[int, int]] = {}
        self._notes: deque[str] = deque()
        self._samples: deque[tuple[float, int]] = deque([(clock(), 0)])

    def begin(self, path: str, done: int, size: int) -> None:
        """A file starts to arrive, or goes on at ``done`` bytes."""
        with self._lock:
            self._active[path] = (done, size)

    def add(self, path: str, count: int) -> None:
        """Bytes arrived."""
        with self._lock:
            done, size = self._active[path]
            self._active[path] = (done + count, size)
            self.received += count

    def found(self, count: int) -> None:
        """Bytes were on disk after all: another process brought them, or the cache had them."""
        with self._lock:
            self._present += count

    def take_back(self, path: str, count: int) -> None:
        """Bytes that were counted are thrown away: the file begins anew."""
        with self._lock:
            done, size = self._active[path]
            self._active[path] = (done - count, size)
            self._present -= count

    def end(self, path: str) -> None:
        """A file is complete, or was given up."""
        with self._lock:
            self._active.pop(path, None)

    def note(self, text: str) -> None:
        """Something to tell the user, once."""
        with self._lock:
            self._notes.append(text)

    def take_notes(self) -> list[str]:
        """What is to be told, each once."""
        with self._lock:
            notes = list(self._notes)
            self._notes.clear()
            return notes

    def read(self) -> Reading:
        """Where it stands."""
        with self._lock:
            now = self._clock()
            self._samples.append((now, self.received))
            while len(self._samples) > 2 and now - self._samples[0][0] > _WINDOW:
                self._samples.popleft()
            then, before = self._samples[0]
            rate = (self.received - before) / (now - then) if now > then else 0.0
            active = tuple((path, done, size) for path, (done, size) in self._active.items())
            return Reading(self._total, self._present + self.received, rate, active)
