"""Every request as a line of JSON: its record, and the times that follow from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from ..metrics.latency import latency_of
from ..record import Record


def request_lines(runs: Sequence[Iterable[Record]]) -> Iterator[str]:
    """One line a request, the runs of a sweep one after the other, numbered from 0.

    Times of the record are in seconds after the run's start, as in a result file; ``..._ms`` are milliseconds, and are
    there only for a request that was answered.
    """
    for number, records in enumerate(runs):
        for record in records:
            yield json.dumps({"run": number, **record.to_json(), **_times(record)}, allow_nan=False) + "\n"


def _times(record: Record) -> dict[str, float]:
    if record.failure is not None:
        return {}
    latency = latency_of(record)
    times = {
        "ttft_ms": latency.ttft,
        "tpot_ms": latency.tpot,
        "e2el_ms": latency.e2el,
        "icl_max_ms": max(latency.chunk_gaps(), default=None),
        "send_delay_ms": latency.send_delay,
    }
    known = {name: round(value * 1000, 6) for name, value in times.items() if value is not None}
    return {"tokens": latency.tokens.total, **known}
