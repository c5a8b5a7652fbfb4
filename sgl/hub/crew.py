"""`work_through`: a few threads that work through a list, watched by the one that the user can interrupt."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

T = TypeVar("T")

TICK: Final = 0.1
"""Seconds between two calls of ``tick``."""

_GRACE: Final = 2.0
"""Seconds that threads are given to notice the end; one that waits for the network does not delay it further."""


def work_through(
    items: Iterable[T], work: Callable[[T], None], jobs: int, stop: threading.Event, tick: Callable[[], None]
) -> None:
    """Calls ``work`` on every item, ``jobs`` of them at a time, and ``tick`` meanwhile.

    The threads are daemons: Ctrl-C ends the process even while one of them waits for the network.

    Args:
        stop: Set at the end, however it comes; ``work`` ends early when it sees it.

    Raises:
        Exception: The first that ``work`` raised; the other items are not begun.
        KeyboardInterrupt: The user's.
    """
    waiting = deque(items)
    left = len(waiting)
    results: SimpleQueue[Exception | None] = SimpleQueue()

    def labour() -> None:
        while not stop.is_set():
            try:
                item = waiting.popleft()
            except IndexError:
                return
            try:
                work(item)
            except Exception as error:  # For the watching thread to raise.
                results.put(error)
            else:
                results.put(None)

    threads = [threading.Thread(target=labour, name=f"download-{n}", daemon=True) for n in range(min(jobs, left))]
    try:
        for thread in threads:
            thread.start()
        while left:
            try:
                error = results.get(timeout=TICK)
            except Empty:
                tick()
                continue
            if error is not None:
                raise error
            left -= 1
        tick()
    finally:
        stop.set()
        end = time.monotonic() + _GRACE
        for thread in threads:
            if thread.is_alive():
                thread.join(max(0.0, end - time.monotonic()))
