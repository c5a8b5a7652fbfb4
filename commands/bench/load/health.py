"""Whether the client itself was in the way: what its loops noted, in words."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..record import Record
from ..run import ClientHealth

LATE_MS: Final = 10.0
"""A loop that is later than this, one time in a hundred, shows in the figures."""

BUSY_SHARE: Final = 0.9
"""Of one core: above, a loop can only be late."""

SPARE_FILES: Final = 64
"""What a process has open beside its connections."""

PORTS_SHARE: Final = 0.8
_PORT_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_PORTS: Final = 28_232


@dataclass(frozen=True)
class LoopHealth:
    """One event loop's notes.

    Attributes:
        lag_p50, lag_p99, lag_max: Seconds that it woke late.
        late_p99: Seconds that requests of an open loop were sent late although there was room.
        cpu_share: Of one core.
        events: Chunks that it read.
        opened: Connections that it made.
        unsent: Requests that were due and not sent, because the run was stopped.
        skipped: Turns that were not sent, because one before them failed.
        abandoned: Requests that were given up when the run was aborted.
    """

    lag_p50: float = 0.0
    lag_p99: float = 0.0
    lag_max: float = 0.0
    late_p99: float = 0.0
    cpu_share: float = 0.0
    events: int = 0
    opened: int = 0
    unsent: int = 0
    skipped: int = 0
    abandoned: int = 0


def allow_files(needed: int) -> int:
    """Raises this process's limit of open files to what is needed, where it may; returns the limit, 0 for none."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 0
    wanted = needed + SPARE_FILES
    if soft < wanted:
        reachable = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (reachable, hard))
        except (OSError, ValueError):  # Some systems have a lower limit than the one they tell.
            return soft
        return reachable
    return soft


def local_ports() -> int:
    """How many connections to one address this machine can have."""
    try:
        first, last = _PORT_RANGE.read_text().split()
        return int(last) - int(first) + 1
    except (OSError, ValueError):
        return _USUAL_PORTS


def client_health(
    loops: Sequence[LoopHealth],
    *,
    seconds: float,
    concurrency: int | None,
    files: int,
    records: Sequence[Record],
    more: Sequence[str] = (),
) -> ClientHealth:
    """Puts the loops' notes together.

    Args:
        loops: One per process.
        seconds: Of the run.
        concurrency: Requests at a time that were wanted.
        files: The limit of open files of each process; 0 for none.
        records: What was measured; failures that are the client's own are looked for.
        more: Other warnings.
    """
    lag_p99 = max((loop.lag_p99 for loop in loops), default=0.0)
    cpu = max((loop.cpu_share for loop in loops), default=0.0)
    each = -(-(concurrency or 0) // max(1, len(loops)))
    warnings = [
        *_lateness(1000 * lag_p99, 1000 * max((loop.late_p99 for loop in loops), default=0.0), cpu, len(loops)),
        *_limits(each, files, concurrency or 0, sum(loop.opened for loop in loops), records),
        *_losses(loops),
        *more,
    ]
    return ClientHealth(
        lag_p50_ms=1000 * max((loop.lag_p50 for loop in loops), default=0.0),
        lag_p99_ms=1000 * lag_p99,
        lag_max_ms=1000 * max((loop.lag_max for loop in loops), default=0.0),
        cpu_share=min(1.0, cpu),
        workers=len(loops),
        chunks_per_second=sum(loop.events for loop in loops) / seconds if seconds > 0 else 0.0,
        open_files_limit=files,
        warnings=tuple(warnings),
    )


def _lateness(lag_ms: float, late_ms: float, cpu: float, workers: int) -> list[str]:
    found = []
    advice = f"use --workers {max(4, 2 * workers)}, or another machine"
    if lag_ms > LATE_MS:
        found.append(f"the client was late by {lag_ms:.0f} ms (p99): figures below that are the client's; {advice}")
    elif cpu > BUSY_SHARE:
        found.append(f"the client used {100 * cpu:.0f} % of a core: it may have been the limit; {advice}")
    if late_ms > LATE_MS:
        found.append(
            f"requests were sent up to {late_ms:.0f} ms after their time (p99) by the client's fault; {advice}"
        )
    return found


def _limits(each: int, files: int, concurrency: int, opened: int, records: Sequence[Record]) -> list[str]:
    found = []
    if files and each + SPARE_FILES > files:
        found.append(f"{each} requests at a time need more open files than the limit of {files}; raise 'ulimit -n'")
    ports = local_ports()
    if max(concurrency, opened) > PORTS_SHARE * ports:
        made = f"{max(concurrency, opened)} connections to one server"
        found.append(f"{made} come near the {ports} ports of this machine; widen net.ipv4.ip_local_port_range")
    own = sum(1 for record in records if record.failure is not None and _is_ours(record.failure.message))
    if own:
        found.append(f"{own} requests failed by a limit of this client, not of the server; see the errors")
    return found


def _is_ours(message: str) -> bool:
    return message.startswith(("this client", "this machine", "client process"))


def _losses(loops: Sequence[LoopHealth]) -> list[str]:
    counts = (
        (sum(loop.unsent for loop in loops), "requests were due and not sent: the run was stopped"),
        (sum(loop.abandoned for loop in loops), "requests were under way and given up: the run was aborted"),
        (sum(loop.skipped for loop in loops), "turns were not sent: one before them failed"),
    )
    return [f"{count} {words}" for count, words in counts if count]
