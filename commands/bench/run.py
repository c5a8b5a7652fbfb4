"""`Run`: everything that was noted while one load was on a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .record import Record


@dataclass(frozen=True)
class ClientHealth:
    """Whether the client itself was in the way.

    Attributes:
        lag_p50_ms: How late its event loop woke, half of the time.
        lag_p99_ms: The same, one time in a hundred.
        lag_max_ms: The worst.
        cpu_share: Of one core, used by the busiest worker, 0..1.
        workers: Processes.
        chunks_per_second: That were read.
        open_files_limit: ``ulimit -n``; 0 when unlimited.
        warnings: What a reader of the figures must know.
    """

    lag_p50_ms: float = 0.0
    lag_p99_ms: float = 0.0
    lag_max_ms: float = 0.0
    cpu_share: float = 0.0
    workers: int = 1
    chunks_per_second: float = 0.0
    open_files_limit: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """One load on one server.

    Attributes:
        records: The requests in the order they were sent; warm-up is not among them.
        started: Wall clock at time 0 of the records, in seconds since 1970.
        duration: From the first request sent to the last answer's end, in seconds.
        concurrency: Most requests at a time; None without a bound.
        rate: Requests per second that were wanted; None in a closed loop.
        partial: Whether it was cut short.
        client: The client's own state.
        before: The server's metrics before, by name.
        after: The same after.
    """

    records: Sequence[Record]
    started: float
    duration: float
    concurrency: int | None = None
    rate: float | None = None
    partial: bool = False
    client: ClientHealth = field(default_factory=ClientHealth)
    before: Mapping[str, float] = field(default_factory=dict)
    after: Mapping[str, float] = field(default_factory=dict)
