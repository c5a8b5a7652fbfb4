"""`Pace`: when more of an answer is shown. Keys come first."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

INTERVAL: Final = 1 / 20
"""Seconds: what has come is shown this often: a terminal shows no more, and each time costs a layout."""

REST: Final = 2
"""After showing something that took long, the screen rests this many times as long."""

LONGEST_REST: Final = 0.5

GIVE_WAY: Final = 0.04
"""Seconds that a key takes to be seen, and some."""


class Pace:
    """Tells whether it is time to show more.

    Args:
        clock: Seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = 0.0
        self._shown = 0.0

    def begin(self) -> bool:
        """Whether more is to be shown now; `done` tells when it is on the screen."""
        now = self._clock()
        if now < self._until:
            return False
        self._shown = now
        self._until = now + LONGEST_REST
        return True

    def done(self) -> None:
        """It is on the screen: mostly the layout and the drawing took the time."""
        now = self._clock()
        self._until = now + min(LONGEST_REST, REST * (now - self._shown))

    def give_way(self) -> None:
        """A key was pressed: it is shown before more of the answer, unless nothing of that was shown for long."""
        now = self._clock()
        if now - self._shown < LONGEST_REST:
            self._until = max(self._until, now + GIVE_WAY)
