"""How fast tokens come while they come."""

from __future__ import annotations

from typing import Final

WINDOW_SECONDS: Final = 1.0
"""Tokens are counted over this long; a longer silence ends a burst and does not count."""


class Throughput:
    """Measures tokens per second in bursts of generation; between bursts the last rate stays.

    Attributes:
        rate: Tokens per second over the last window, or over the burst so far when it is shorter.
    """

    def __init__(self) -> None:
        self.rate = 0.0
        self._start = 0.0
        self._last = float("-inf")
        self._tokens = 0
        self._windows = 0

    def add(self, now: float, tokens: int) -> None:
        """Counts ``tokens`` that came at ``now``, a monotonic time in seconds."""
        if now - self._last > WINDOW_SECONDS:
            # These tokens took an unknown time: they only start the clock.
            self._start, self._tokens, self._windows = now, -tokens, 0
        self._last = now
        self._tokens += tokens
        seconds = now - self._start
        if seconds >= WINDOW_SECONDS:
            self.rate = self._tokens / seconds
            self._start, self._tokens, self._windows = now, 0, self._windows + 1
        elif seconds > 0 and not self._windows:
            self.rate = self._tokens / seconds
