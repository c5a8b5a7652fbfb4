"""What a download looks like on stderr: one redrawn block for a person, a line now and then elsewhere, or nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TextIO

from sgl.config.sizes import gib
from sgl.hub.cached import TRUE
from sgl.hub.meter import Reading
from sgl.log import escape
from sgl.terminal import Terminal

LINE_EVERY: Final = 5.0
"""Seconds between two lines where nobody watches."""

_ROWS: Final = 4
_FIGURES: Final = 60
"""Columns that are left for the figures beside the bar, so that its length stays."""
_WIDEST_BAR: Final = 40
_NARROWEST_BAR: Final = 6
_LARGE: Final = 10 << 20


class Display(Protocol):
    """Where the progress of a download is shown."""

    def show(self, reading: Reading) -> None:
        """Shows where it stands."""

    def note(self, text: str) -> None:
        """Says one thing that lasts."""

    def close(self) -> None:
        """Ends, with the terminal as it was."""


class SilentDisplay:
    """Shows nothing."""

    def show(self, reading: Reading) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class LineDisplay:
    """A plain line every few seconds, for logs and pipes."""

    def __init__(self, stream: TextIO, terminal: Terminal, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._terminal = terminal
        self._clock = clock
        self._next = clock() + LINE_EVERY

    def show(self, reading: Reading) -> None:
        """Prints a line when it is time."""
        if self._clock() >= self._next:
            self._next = self._clock() + LINE_EVERY
            names = ", ".join(path for path, _, _ in reading.active[:_ROWS])
            self._print(f"{summary(reading)}: {names}" if names else summary(reading))

    def note(self, text: str) -> None:
        """Prints it."""
        self._print(text)

    def close(self) -> None:
        """Every line is out already."""

    def _print(self, text: str) -> None:
        print(self._terminal.fit(escape(text)), file=self._stream, flush=True)


class LiveDisplay:
    """A bar for everything and a line for each large file that is arriving, redrawn in place."""

    def __init__(self, stream: TextIO, terminal: Terminal) -> None:
        # Here, because a download that nobody watches needs none of it, and it takes a tenth of a second.
        from rich.console import Console
        from rich.live import Live

        self._terminal = terminal
        self._console = Console(file=stream, no_color=not terminal.color, highlight=False, markup=False, emoji=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._live.start()

    def show(self, reading: Reading) -> None:
        """Redraws."""
        from rich.text import Text

        lines = live_lines(reading, self._terminal, self._console.width)
        self._live.update(Text("\n".join(lines), no_wrap=True, overflow="crop"), refresh=True)

    def note(self, text: str) -> None:
        """Prints it above the bar."""
        self._console.print(self._terminal.fit(escape(text)), soft_wrap=True)

    def close(self) -> None:
        """Takes the bar away; the cursor is back."""
        self._live.update("")
        self._live.stop()


def live_lines(reading: Reading, terminal: Terminal, columns: int) -> list[str]:
    """The bar with its figures, and the large files that are arriving, none longer than ``columns``."""
    filled, empty = ("━", "─") if terminal.unicode else ("#", ".")
    width = min(columns - _FIGURES, _WIDEST_BAR)
    done = width * reading.done // reading.total if reading.total else width
    bar = filled * done + empty * (width - done) + "  " if width >= _NARROWEST_BAR else ""
    lines = [f"{bar}{summary(reading)}"[:columns]]
    for path, arrived, size in sorted(row for row in reading.active if row[2] >= _LARGE)[:_ROWS]:
        count = f"{gib(arrived)} of {gib(size)}"
        space = max(8, columns - len(count) - 5)
        name = path if len(path) <= space else f"...{path[3 - space :]}"
        lines.append(terminal.fit(escape(f"  {name}  {count}"))[:columns])
    return lines


def open_display(stream: TextIO, environ: Mapping[str, str] = os.environ, *, quiet: bool = False) -> Display:
    """The display for a stream; ``HF_HUB_DISABLE_PROGRESS_BARS=1`` asks for plain lines."""
    if quiet:
        return SilentDisplay()
    terminal = Terminal(stream, environ)
    plain = environ.get("HF_HUB_DISABLE_PROGRESS_BARS", "").lower() in TRUE
    return LiveDisplay(stream, terminal) if terminal.interactive and not plain else LineDisplay(stream, terminal)


def summary(reading: Reading) -> str:
    """``1.2 GiB of 3.0 GiB (40 %), 118.0 MiB/s, 15 s left``."""
    share = 100 * reading.done // reading.total if reading.total else 100
    text = f"{gib(reading.done)} of {gib(reading.total)} ({share} %)"
    if reading.rate > 0:
        text += f", {gib(int(reading.rate))}/s"
    left = reading.seconds_left
    return f"{text}, {duration(left)} left" if left else text


def duration(seconds: float) -> str:
    """``12 s``, ``2 min 5 s`` or ``1 h 12 min``."""
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
