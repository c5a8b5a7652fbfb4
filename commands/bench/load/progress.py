"""`Progress`: how a run is going, for another thread to read. The loop writes plain numbers and takes no lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from ..record import Failure, Record

RECENT: Final = 1024


class Counters:
    """What one event loop counts. Only it writes; reading one number at a time needs no lock.

    Attributes:
        sent: Requests whose first byte was written, or whose connection failed.
        in_flight: Of those, not ended.
        waiting: Requests of an open loop that are due and have no room.
        events: Server-sent events that came.
        lag_ms: How late the loop woke last.
    """

    __slots__ = ("events", "in_flight", "lag_ms", "sent", "waiting")

    def __init__(self, sent: int = 0, in_flight: int = 0, waiting: int = 0, events: int = 0, lag_ms: float = 0.0):
        self.sent = sent
        self.in_flight = in_flight
        self.waiting = waiting
        self.events = events
        self.lag_ms = lag_ms


class Recent:
    """The last `RECENT` values: a ring that a reader may copy at any time."""

    def __init__(self) -> None:
        self._ring = [0.0] * RECENT
        self._count = 0

    def add(self, value: float) -> None:
        """Puts one in."""
        self._ring[self._count % RECENT] = value
        self._count += 1

    def values(self) -> list[float]:
        """Some order; at most `RECENT`."""
        return self._ring[: min(self._count, RECENT)]


@dataclass(frozen=True)
class Snapshot:
    """What a dashboard shows at one moment.

    Attributes:
        elapsed: Seconds since the run's start; 0 before.
        total: Requests there will be; None when nobody knows.
        duration: Seconds in which requests are sent; None when their number ends the run.
        sent, done, failed, in_flight, waiting: Requests; those that failed are among those done.
        events: Chunks that came.
        tokens: Of answers that are complete, by usage, else their chunks.
        failures: How often each failure occurred.
        ttft, tpot: Seconds, of the last requests that ended.
        lag_ms: How late the busiest client loop woke last.
        stopping: Whether no more requests are sent.
    """

    elapsed: float
    total: int | None
    duration: float | None
    sent: int
    done: int
    failed: int
    in_flight: int
    waiting: int
    events: int
    tokens: int
    failures: Mapping[Failure, int]
    ttft: list[float]
    tpot: list[float]
    lag_ms: float
    stopping: bool


class Progress:
    """One run's. Make one, give it to `run_load`, and call `snapshot` from any thread."""

    def __init__(self) -> None:
        self.total: int | None = None
        self.duration: float | None = None
        self.stopping = False
        self.counters: list[Counters] = [Counters()]
        self._zero: float | None = None
        self._done = 0
        self._failed = 0
        self._tokens = 0
        self._failures: dict[Failure, int] = {}
        self._ttft = Recent()
        self._tpot = Recent()

    def start(self, zero: float) -> None:
        """The run starts at ``zero``, by `time.perf_counter`."""
        self._zero = zero

    def note(self, record: Record) -> None:
        """One request has ended."""
        self._done += 1
        if record.failure is not None:
            self._failed += 1
            self._failures[record.failure] = self._failures.get(record.failure, 0) + 1
            return
        tokens = len(record.chunks) if record.output_tokens is None else record.output_tokens
        self._tokens += tokens
        if record.chunks:
            self._ttft.add(record.chunks[0] - record.sent)
            if tokens > 1:
                self._tpot.add((record.ended - record.chunks[0]) / (tokens - 1))

    def snapshot(self) -> Snapshot:
        """The present state."""
        counters = tuple(self.counters)
        return Snapshot(
            elapsed=0.0 if self._zero is None else max(0.0, perf_counter() - self._zero),
            total=self.total,
            duration=self.duration,
            sent=sum(each.sent for each in counters),
            done=self._done,
            failed=self._failed,
            in_flight=sum(each.in_flight for each in counters),
            waiting=sum(each.waiting for each in counters),
            events=sum(each.events for each in counters),
            tokens=self._tokens,
            failures=self._failures.copy(),
            ttft=self._ttft.values(),
            tpot=self._tpot.values(),
            lag_ms=max((each.lag_ms for each in counters), default=0.0),
            stopping=self.stopping,
        )
