"""`Samples`: a few numbers of every answered request, for comparisons and plots.

They stay in the result file even when the records do not: the time of every chunk of every answer is megabytes, and
these columns are what a confidence interval or a scatter plot takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .metrics.latency import Latency, latency_of
from .record import Record

COLUMNS: Final = ("ended_s", "in_tok", "out_tok", "ttft_ms", "tpot_ms", "e2el_ms", "icl_max_ms", "send_delay_ms")
"""In this order; a column has a number or null for each request."""

MOST: Final = 10_000
"""Requests that are kept; of more, evenly spaced ones."""

Column = tuple[float | None, ...]


@dataclass(frozen=True)
class Samples:
    """Columns of one length.

    Attributes:
        answered: Requests that were answered.
        columns: `COLUMNS` -> one value for each request that is kept, in the order they were sent.
    """

    answered: int
    columns: Mapping[str, Column]

    def known(self, name: str) -> list[float]:
        """The values of one column without its gaps."""
        return [value for value in self.columns.get(name, ()) if value is not None]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"answered": self.answered, **{name: list(values) for name, values in self.columns.items()}}


def sample(records: Iterable[Record]) -> Samples:
    """The columns of a run's answered requests."""
    answered = [record for record in records if record.failure is None]
    kept = answered
    if len(answered) > MOST:
        kept = [answered[number * len(answered) // MOST] for number in range(MOST)]
    rows = [_row(latency_of(record)) for record in kept]
    columns = zip(*rows, strict=True) if rows else ((),) * len(COLUMNS)
    return Samples(len(answered), dict(zip(COLUMNS, columns, strict=True)))


def _row(latency: Latency) -> tuple[float | None, ...]:
    record = latency.record
    return (
        _round(record.ended),
        record.input_tokens,
        latency.tokens.total,
        _milliseconds(latency.ttft),
        _milliseconds(latency.tpot),
        _milliseconds(latency.e2el),
        _milliseconds(max(latency.chunk_gaps(), default=None)),
        _milliseconds(latency.send_delay),
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else _round(seconds * 1000)


def _round(value: float) -> float:
    """Six digits: a nanosecond, where the value is in milliseconds."""
    return round(value, 6)
