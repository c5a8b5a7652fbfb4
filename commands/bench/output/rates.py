"""`Rates`: from snapshots of a run to speeds, which a snapshot alone does not have."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from ..load.progress import Snapshot

RECENT_SECONDS: Final = 5.0
"""Over which a speed is taken: long enough to be calm, short enough to show a change."""

HISTORY_SECONDS: Final = 60
"""Of the sparkline, one value each."""


class _Seen(NamedTuple):
    elapsed: float
    done: int
    events: int


class Rates:
    """Fed with every snapshot of one run, in order."""

    def __init__(self) -> None:
        self._seen: deque[_Seen] = deque([_Seen(0.0, 0, 0)])
        self._latest: Snapshot | None = None
        self._seconds: deque[float] = deque(maxlen=HISTORY_SECONDS)
        self._mark = _Seen(0.0, 0, 0)

    def add(self, snapshot: Snapshot) -> None:
        """Takes in the present state."""
        self._latest = snapshot
        now = _Seen(snapshot.elapsed, snapshot.done, snapshot.events)
        if now.elapsed <= self._seen[-1].elapsed:
            return
        self._seen.append(now)
        while len(self._seen) > 2 and now.elapsed - self._seen[1].elapsed >= RECENT_SECONDS:
            self._seen.popleft()
        passed = now.elapsed - self._mark.elapsed
        if passed >= 1.0:
            events = (now.events - self._mark.events) / passed
            self._seconds.extend([events] * min(int(passed), HISTORY_SECONDS))
            self._mark = now

    @property
    def requests(self) -> float:
        """Requests that ended, per second, of late."""
        return self._speed("done")

    @property
    def tokens(self) -> float:
        """Output tokens per second, of late; see `tokens_per_event`."""
        return self._speed("events") * self.tokens_per_event

    @property
    def history(self) -> list[float]:
        """Output tokens per second in each of the last seconds, the latest one last."""
        return [events * self.tokens_per_event for events in self._seconds]

    @property
    def tokens_per_event(self) -> float:
        """Tokens that one server-sent event stands for; 1 until an answer is complete.

        Tokens are known when an answer is complete, events as they come. Answers under way are taken to be half done,
        which they are on average.
        """
        snapshot = self._latest
        if snapshot is None or not snapshot.events or not snapshot.tokens:
            return 1.0
        answered = snapshot.done - snapshot.failed
        if answered <= 0:
            return 1.0
        return snapshot.tokens / answered * (answered + snapshot.in_flight / 2) / snapshot.events

    def remaining(self, snapshot: Snapshot) -> float | None:
        """Seconds until the end, as it looks; None when nobody can say."""
        ends = []
        if snapshot.duration is not None:
            ends.append(max(0.0, snapshot.duration - snapshot.elapsed))
        if snapshot.total is not None and snapshot.done and snapshot.elapsed > 0:
            # The whole run's speed: the last seconds' would make it jump.
            ends.append(max(0, snapshot.total - snapshot.done) * snapshot.elapsed / snapshot.done)
        return min(ends) if ends else None

    def _speed(self, key: str) -> float:
        if len(self._seen) < 2:
            return 0.0
        first, last = self._seen[0], self._seen[-1]
        passed = last.elapsed - first.elapsed
        return float(getattr(last, key) - getattr(first, key)) / passed if passed > 0 else 0.0
