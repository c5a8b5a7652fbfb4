"""How many requests may be inside at once, and what a refused one is told about coming back."""

from __future__ import annotations

import math
import time
from collections import deque

from sgl.errors import QueueFull

SHORTEST_RETRY = 1
LONGEST_RETRY = 60
REMEMBERED_ENDS = 64


class Backlog:
    """The bound of the queue and the measured rate at which it moves.

    Attributes:
        running_limit: Most requests computed at once.
        queue_limit: Most requests waiting beside them.
    """

    def __init__(self, running_limit: int, queue_limit: int) -> None:
        self.running_limit = running_limit
        self.queue_limit = queue_limit
        self._ends: deque[float] = deque(maxlen=REMEMBERED_ENDS)

    def check(self, in_flight: int) -> None:
        """Refuses one more request beside ``in_flight`` others when there is no place for it.

        Raises:
            QueueFull: With ``retry_after`` from the rate of the last requests' ends.
        """
        if in_flight >= self.running_limit + self.queue_limit:
            raise QueueFull(
                f"The request queue is full ({self.queue_limit} waiting). Try again later.",
                retry_after=self.retry_after(in_flight - self.running_limit),
            )

    def ended(self) -> None:
        """Notes that one request has ended now."""
        self._ends.append(time.monotonic())

    def retry_after(self, waiting: int) -> int:
        """Whole seconds until ``waiting`` requests will have been served, between 1 and 60."""
        if len(self._ends) < 2:
            return SHORTEST_RETRY
        seconds_each = (time.monotonic() - self._ends[0]) / len(self._ends)
        return max(SHORTEST_RETRY, min(LONGEST_RETRY, math.ceil(waiting * seconds_each)))
