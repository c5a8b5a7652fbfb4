"""`PlainLines`: the steps of a start as lines of a log, for everybody but a person at a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from sgl.config.sizes import gib
from sgl.runs.phase import PhaseRecord, current
from sgl.runs.phase_lines import progress_words

SECONDS_BETWEEN: Final = 10.0
"""A step that takes long is heard of this often."""


class PlainLines:
    """Says a line when a step that moves bytes begins, when one has ended, and now and then in between.

    Args:
        say: Takes one line.
    """

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._begun: set[str] = set()
        self._ended: set[str] = set()
        self._last = clock()

    def show(self, records: Sequence[PhaseRecord]) -> None:
        """Says what is new in the steps as they stand."""
        for record in records:
            if record.seconds is not None and record.name not in self._ended:
                self._ended.add(record.name)
                self._line(f"{_what(record)}: done in {record.seconds:.2f} s")
            elif record.seconds is None and record.total is not None and record.name not in self._begun:
                self._begun.add(record.name)
                self._line(f"{_what(record)} ({gib(record.total)}) ...")
        running = current(records)
        if running is not None and self._clock() - self._last >= SECONDS_BETWEEN:
            now = time.time()
            self._line(f"{progress_words(running, now)} after {now - running.began:.0f} s")

    def _line(self, text: str) -> None:
        self._last = self._clock()
        self._say(text)


def _what(record: PhaseRecord) -> str:
    return f"{record.title}: {record.detail}" if record.detail else record.title
