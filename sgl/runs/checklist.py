"""`Checklist`: the steps of a start, redrawn in place on a terminal that a person watches.

    ✓ start the engine  2.1 s
    ✓ read the model    LlamaForCausalLM, float32  0.0 s
    · load weights      ████░░░░   52 %  3.9 of 7.5 GiB    1.2 GiB/s  3 s left
      KV pool
      warm up

Everything else that is written to the terminal meanwhile has to go through `Checklist.stream`, which puts it above.
"""

from __future__ import annotations

import io
import os
import re
import threading
import time
from collections.abc import Sequence
from typing import Final, TextIO, cast

from sgl.config.sizes import gib
from sgl.log import escape
from sgl.runs.phase import TITLES, PhaseRecord
from sgl.runs.phase_lines import State, expectation, part_of, percent, steps
from sgl.terminal import Mark, Terminal

_INDENT: Final = "  "
_GAP: Final = "  "
_ASCII_MARK_COLUMNS: Final[dict[Mark, int]] = {"ok": 4, "error": 3, "run": 3}
"""Columns of a mark in ASCII; one in Unicode."""

_MARKS: Final[dict[State, Mark]] = {"done": "ok", "running": "run", "failed": "error"}

_BARS: Final = (24, 16, 8)
"""Lengths of a bar; the first that there is room for."""

_RATE_COLUMNS: Final = len("999.9 MiB/s")
_LEFT_COLUMNS: Final = len("1000 s left")

# One write per picture. A line that was wrapped would count as two and tear what is above. So the terminal is told not
# to wrap: it alone knows how wide each character is, and whether its window has just been made narrower.
_NO_WRAP: Final = "\x1b[?7l"
_WRAP: Final = "\x1b[?7h"
_CLEAR_LINE: Final = "\x1b[2K"
_CLEAR_BELOW: Final = "\x1b[J"
_ESCAPE: Final = "\x1b"
_STYLE: Final = re.compile("(\x1b\\[[0-9;]*m)")


class Checklist:
    """Draws on one terminal until `finish`, `fail` or `erase`. Threads may share it.

    Attributes:
        stream: Takes the place of the terminal's stream for everybody else.
        closed: Nothing is drawn any more.
    """

    def __init__(self, stream: TextIO, terminal: Terminal) -> None:
        self.stream: TextIO = cast(TextIO, _Above(self, stream))
        self._out = stream
        self._terminal = terminal
        self._mark_columns = 1 if terminal.unicode else max(_ASCII_MARK_COLUMNS.values())
        self._lock = threading.RLock()
        self._lines = 0
        self._records: tuple[PhaseRecord, ...] = ()
        self._ready_at: float | None = None
        self.closed = False

    def show(self, records: Sequence[PhaseRecord], ready_at: float | None = None) -> None:
        """Draws the steps as they stand, and those to come.

        Args:
            ready_at: When all will be done if it takes as long as the last time, in seconds since 1970.
        """
        with self._lock:
            if not self.closed:
                self._records = tuple(records)
                self._ready_at = ready_at
                self._draw()

    def erase(self) -> None:
        """Takes it off the screen, for good: something better comes in its place."""
        with self._lock:
            if not self.closed:
                self._out.write(self._up() + _CLEAR_BELOW)
                self._end()

    def fail(self) -> None:
        """Leaves it on the screen as it stands, with a cross at the step that was under way."""
        with self._lock:
            if not self.closed:
                self._draw(failed=True)
                self._end()

    def print_above(self, text: str) -> None:
        """Writes whole lines above it; after the end, just writes them."""
        with self._lock:
            if self.closed:
                self._out.write(text)
                self._out.flush()
            else:
                self._out.write(self._up() + _CLEAR_BELOW + text)
                self._lines = 0
                self._draw()

    def _draw(self, failed: bool = False) -> None:
        columns, rows = self._size()
        lines = [_cut(self._terminal.fit(line), columns) for line in self._picture(failed, columns)][-rows:]
        body = "".join(f"{_CLEAR_LINE}{line}\n" for line in lines)
        self._out.write(f"{_NO_WRAP}{self._up()}{body}{_CLEAR_BELOW}{_WRAP}")
        self._out.flush()
        self._lines = len(lines)

    def _end(self) -> None:
        self._out.flush()
        self.closed = True

    def _up(self) -> str:
        return f"\r\x1b[{self._lines}A" if self._lines else "\r"

    def _size(self) -> tuple[int, int]:
        """Columns, and lines that can be redrawn (what has scrolled off the screen cannot), as they are now."""
        try:
            columns, rows = os.get_terminal_size(self._out.fileno())
        except (OSError, ValueError):
            columns, rows = 0, 0
        return columns or self._terminal.columns, max(1, rows - 1) if rows else len(TITLES) + 2

    def _picture(self, failed: bool, columns: int) -> list[str]:
        now = time.time()
        titles = [*(record.title for record in self._records), *TITLES.values()]
        width = max(map(len, titles))
        room = columns - len(_INDENT) - self._mark_columns - 1 - width - len(_GAP)
        lines = []
        for step in steps(self._records, failed=failed):
            if step.record is None:
                lines.append(self._line(None, step.title, ""))
                continue
            rest = self._outcome(step.record) if step.state == "done" else self._progress(step.record, now, room)
            lines.append(self._line(_MARKS[step.state], f"{step.title:<{width}}", rest))
        left = "" if failed else expectation(self._ready_at, now)
        return [*lines, self._line(None, left, "")] if left else lines

    def _line(self, mark: Mark | None, title: str, rest: str) -> str:
        terminal = self._terminal
        if mark is None:
            return f"{_INDENT}{' ' * self._mark_columns} {terminal.style(title, 'dim')}".rstrip()
        padding = " " * (self._mark_columns - (1 if terminal.unicode else _ASCII_MARK_COLUMNS[mark]))
        return f"{_INDENT}{terminal.mark(mark)}{padding} {title}{_GAP}{rest}".rstrip()

    def _outcome(self, record: PhaseRecord) -> str:
        took = f"{record.seconds:.1f} s"
        return _GAP.join(part for part in (escape(record.detail), self._terminal.style(took, "dim")) if part)

    def _progress(self, record: PhaseRecord, now: float, room: int) -> str:
        elapsed = f"{max(0.0, now - record.began):.1f} s"
        share, rate, left = record.share, record.rate(now), record.seconds_left(now)
        if share is None or record.done is None or record.total is None:
            return _GAP.join(part for part in (escape(record.detail), elapsed) if part)
        # Widths that do not change while the numbers grow, so that nothing jumps.
        most = [f"{percent(share):>5}", part_of(record.done, record.total)]
        speed = f"{'' if rate is None else gib(int(rate)) + '/s':>{_RATE_COLUMNS}}"
        rest = [speed, f"{left:.0f} s left" if left is not None and left >= 1 else ""]
        columns = len(_GAP.join([*most, speed])) + len(_GAP) + _LEFT_COLUMNS
        if columns > room:
            return _GAP.join([most[0], *rest])
        bar = next((size for size in _BARS if size + len(_GAP) + columns <= room), 0)
        return _GAP.join([*([self._bar(share, bar)] if bar else []), *most, *rest])

    def _bar(self, share: float, size: int) -> str:
        full, empty = ("█", "░") if self._terminal.unicode else ("#", "-")
        filled = int(share * size)
        return full * filled + empty * (size - filled)


def _cut(line: str, columns: int) -> str:
    """A line that is too long loses its end; its colours stay, and are switched off again."""
    parts, room = [], columns
    for part in _STYLE.split(line):
        if not part.startswith(_ESCAPE):
            part = part[:room]
            room -= len(part)
        parts.append(part)
    return "".join(parts)


class _Above(io.TextIOBase):
    """A stream whose lines appear above a checklist."""

    def __init__(self, checklist: Checklist, stream: TextIO) -> None:
        self._checklist = checklist
        self._below = stream
        self._begun = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the terminal."""
        return self._below.encoding

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._below.isatty()

    def fileno(self) -> int:
        return self._below.fileno()

    def write(self, text: str) -> int:
        """Keeps an unfinished line until its end has come."""
        whole, line_break, rest = (self._begun + text).rpartition("\n")
        self._begun = rest
        if line_break:
            self._checklist.print_above(whole + line_break)
        return len(text)

    def flush(self) -> None:
        """Lets an unfinished line go where there is nothing any more that it could tear."""
        if self._begun and self._checklist.closed:
            self._checklist.print_above(self._begun)
            self._begun = ""
