"""`AnswerStream`: a thread that reads an answer, so that the screen never waits for a server."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

from ...client.events import Event, ReasoningDelta, TextDelta
from ...session.session import Session


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
        self._waiting: deque[Event | Ended] = deque()
        self._thread = threading.Thread(target=self._read, name="sgl-chat-answer", daemon=True)
        self._thread.start()

    def take(self) -> list[Event | Ended]:
        """What has come since the last call, neighbouring pieces joined; `Ended` comes last, once."""
        taken: list[Event | Ended] = []
        while self._waiting:
            item = self._waiting.popleft()
            last = taken[-1] if taken else None
            if isinstance(item, TextDelta) and isinstance(last, TextDelta):
                taken[-1] = TextDelta(last.text + item.text)
            elif isinstance(item, ReasoningDelta) and isinstance(last, ReasoningDelta):
                taken[-1] = ReasoningDelta(last.text + item.text)
            else:
                taken.append(item)
        return taken

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
                for event in events:
                    self._waiting.append(event)
        except Exception as failure:  # Whatever it is, the screen shows it: a thread has nobody else to tell.
            error = failure
        self._waiting.append(Ended(error))
