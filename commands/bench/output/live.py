"""The view of a run that is under way: a dashboard on a terminal, a line now and then elsewhere.

It lives in a thread of its own and only reads counters: nothing of it runs in the loop that measures. A view that
fails ends without harm to the run, and says so at its end.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol, TextIO

from rich.console import Console, Group
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

from sgl.terminal import Terminal, tolerate

from ..load.progress import Progress
from .console import console_on
from .dashboard import Dashboard, plain_line
from .lookup import cleaned
from .rates import Rates

FRAME_SECONDS: Final = 0.25
LINE_SECONDS: Final = 10.0


class View(Protocol):
    """What is shown of a run."""

    def open(self) -> None:
        """Called once, before the first `show`."""

    def show(self) -> None:
        """Shows the present state."""

    def close(self) -> None:
        """Called once, after the last `show`; also after one that failed."""


@contextmanager
def watch(progress: Progress, stream: TextIO, *, title: str = "", live: bool = True) -> Iterator[None]:
    """Shows how a run is going, until the block ends.

    Args:
        progress: The run's.
        stream: Where it is shown: standard error, so that results alone are on standard output.
        title: What runs, such as ``concurrency 16``.
        live: Whether a terminal may be redrawn; else it gets lines, as a file does.
    """
    terminal = Terminal(stream)
    redrawn = live and terminal.interactive
    view: View = Redrawn(progress, stream, title) if redrawn else Plain(progress, stream, title)
    ended = threading.Event()
    failures: list[Exception] = []

    def show() -> None:
        try:
            view.open()
            while not ended.wait(FRAME_SECONDS if redrawn else LINE_SECONDS):
                view.show()
        except Exception as error:
            failures.append(error)
        finally:
            try:
                view.close()
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=show, name="bench-view", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if failures and not isinstance(failures[0], OSError):  # A terminal that has gone has nobody to tell.
            print(terminal.fit(f"warning: the live view failed: {cleaned(failures[0])}"), file=stream)


class Redrawn:
    """The dashboard. It leaves nothing behind."""

    def __init__(self, progress: Progress, stream: TextIO, title: str) -> None:
        self._progress = progress
        self._rates = Rates()
        terminal = Terminal(stream)
        self._dashboard = Dashboard(title, terminal.unicode)
        self._console: Console = console_on(stream, terminal)
        # Only standard error's own lines go above the view; what is printed on standard output stays there.
        self._live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=False)
        self._width = self._console.width
        self._shown: list[Text] = []

    def open(self) -> None:
        """Hides the cursor."""
        self._live.start()

    def show(self) -> None:
        """Draws over what it drew before."""
        snapshot = self._progress.snapshot()
        self._rates.add(snapshot)
        self._follow_width()
        # A line that fills the last column makes some terminals wrap.
        self._shown = self._dashboard.lines(snapshot, self._rates, max(1, self._width - 1))
        self._live.update(Group(*self._shown), refresh=True)

    def close(self) -> None:
        """Takes the view away and shows the cursor."""
        self._follow_width()
        self._live.stop()

    def _follow_width(self) -> None:
        """A terminal that became narrower has wrapped our lines: takes away the rows that this made."""
        width = self._console.width
        if width < self._width:
            wrapped = sum(max(0, -(-line.cell_len // max(1, width)) - 1) for line in self._shown)
            for _ in range(wrapped):
                self._console.control(Control((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)))
        self._width = width


class Plain:
    """One line each time."""

    def __init__(self, progress: Progress, stream: TextIO, title: str) -> None:
        self._progress = progress
        self._stream = stream
        self._terminal = Terminal(stream)
        self._title = title
        self._rates = Rates()

    def open(self) -> None:
        """Makes sure that no character of a line can end the view."""
        tolerate(self._stream)

    def show(self) -> None:
        """Writes how far it is."""
        snapshot = self._progress.snapshot()
        self._rates.add(snapshot)
        line = plain_line(self._title, snapshot, self._rates)
        print(self._terminal.fit(line), file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing is left open."""
