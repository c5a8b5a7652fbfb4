"""`AnswerStream`: a thread that reads an answer, so that the screen never waits for a server."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from ...client.events import Event, ReasoningDelta, TextDelta
from ...session.session import Session

LONGEST_WAIT: Final = 0.3
"""Seconds that an event waits for the disk before it is shown all the same."""


@dataclass(frozen=True)
class Ended:
    """The last thing of a stream.

    Attributes:
        error: Why it failed; None when it did not.
    """

    error: Exception | None = None


class AnswerStream:
    """Reads one answer of a session."""

    def __init__(self, session: Session, events: Generator[Event, None, None]) -> None:
        self._session = session
        self._events = events
        self._waiting: deque[tuple[int, Event | Ended]] = deque()  # Each with its number, from 1 on.
        self._held_since: float | None = None
        self._thread = threading.Thread(target=self._read, name="sgl-chat-answer", daemon=True)
        self._thread.start()

    def take(self) -> list[Event | Ended]:
        """What has come since the last call, neighbouring pieces joined; `Ended` comes last, once.

        Only what is on disk is handed out, so that whatever is seen is kept; a slow disk is not waited for long.
        """
        taken: list[Event | Ended] = []
        kept = self._kept()
        while self._waiting and (kept is None or self._waiting[0][0] <= kept):
            _, item = self._waiting.popleft()
            last = taken[-1] if taken else None
            if isinstance(item, TextDelta) and isinstance(last, TextDelta):
                taken[-1] = TextDelta(last.text + item.text)
            elif isinstance(item, ReasoningDelta) and isinstance(last, ReasoningDelta):
                taken[-1] = ReasoningDelta(last.text + item.text)
            else:
                taken.append(item)
        return taken

    def _kept(self) -> int | None:
        """The number of the last event that may be shown; None for all."""
        kept = self._session.events_kept
        now = time.monotonic()
        if kept is None or not self._waiting or self._waiting[0][0] <= kept:
            self._held_since = None
            return kept
        self._held_since = self._held_since or now
        return None if now - self._held_since > LONGEST_WAIT else kept

    def stop(self) -> None:
        """Ends the answer soon; what had come is kept."""
        self._session.stop()

    def join(self, seconds: float) -> bool:
        """Waits until everything is kept; returns whether it is."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _read(self) -> None:
        error: Exception | None = None
        try:
            with closing(self._events) as events:
                for number, event in enumerate(events, 1):
                    self._waiting.append((number, event))
        except Exception as failure:  # Whatever it is, the screen shows it: a thread has nobody else to tell.
            error = failure
        self._waiting.append((0, Ended(error)))
