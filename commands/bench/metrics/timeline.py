"""A run second by second."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..record import Record
from .in_flight import Level
from .latency import Latency
from .percentiles import quantile


@dataclass(frozen=True, slots=True)
class Second:
    """One second of the run.

    Attributes:
        start: In seconds after the run's start.
        seconds: How long it is: 1, except for the last.
        in_flight: Requests in flight, on average over it.
        output_tokens: Tokens that came in it.
        ended: Requests that ended well in it.
        failed: Requests that failed in it.
        ttft_p50: Median TTFT, in seconds, of the answers whose first chunk came in it; None without any. For a
            picture: no minimum of samples is asked.
    """

    start: float
    seconds: float
    in_flight: float
    output_tokens: float
    ended: int
    failed: int
    ttft_p50: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain values, each with its unit in the name."""
        return {
            "start_s": self.start,
            "seconds": self.seconds,
            "in_flight": self.in_flight,
            "out_tok": self.output_tokens,
            "ended": self.ended,
            "failed": self.failed,
            "ttft_p50_ms": None if self.ttft_p50 is None else self.ttft_p50 * 1000,
        }


def timeline(records: Sequence[Record], answered: Sequence[Latency], spans: Sequence[Level]) -> tuple[Second, ...]:
    """Seconds from the first request sent to the last one's end; ``spans`` are the levels of the records."""
    if not records:
        return ()
    origin = min(record.sent for record in records)
    length = max(record.ended for record in records) - origin
    count = max(1, math.ceil(length))

    def bin_of(moment: float) -> int:
        return min(max(0, int(moment - origin)), count - 1)

    tokens = [0.0] * count
    first: list[list[float]] = [[] for _ in range(count)]
    ended, failed = [0] * count, [0] * count
    for record in records:
        (ended if record.failure is None else failed)[bin_of(record.ended)] += 1
    for latency in answered:
        _add_tokens(tokens, latency, bin_of)
        if latency.ttft is not None:
            first[bin_of(latency.record.chunks[0])].append(latency.ttft)
    busy = _busy(spans, origin, count)
    widths = [min(1.0, length - number) for number in range(count)]
    return tuple(
        Second(
            origin + number,
            width,
            busy[number] / width if width > 0 else 0.0,
            tokens[number],
            ended[number],
            failed[number],
            quantile(sorted(first[number]), 0.5) if first[number] else None,
        )
        for number, width in enumerate(widths)
    )


def peak_tokens(seconds: Sequence[Second]) -> float:
    """Most output tokens in one second."""
    return max((second.output_tokens for second in seconds), default=0.0)


def _add_tokens(tokens: list[float], latency: Latency, bin_of: Callable[[float], int]) -> None:
    chunks, counts = latency.record.chunks, latency.tokens
    share = counts.total / len(chunks) if chunks else 0.0
    for came, count in zip(chunks, counts.per_chunk, strict=True):
        tokens[bin_of(came)] += share if counts.split else count
    tokens[bin_of(latency.record.ended)] += counts.unseen


def _busy(spans: Sequence[Level], origin: float, count: int) -> list[float]:
    """Request-seconds in each second; ``spans`` are in order and many more than seconds."""
    busy = [0.0] * count
    for span in spans:
        start, end = span.start - origin, span.end - origin
        for number in range(int(start), min(count, math.ceil(end))):
            busy[number] += max(0.0, min(end, number + 1) - max(start, number)) * span.requests
    return busy
