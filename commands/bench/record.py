"""`Record`: when each part of one answer came; every figure of a run is computed from these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

FailureKind = Literal["connect", "status", "stream", "cut", "timeout", "protocol"]
"""No connection; an HTTP status other than 200; an error inside the stream; the connection ended before the answer;
nothing came for too long; what came is not of the API."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed.

    Attributes:
        kind: What happened.
        status: HTTP status; 0 when there was none.
        message: The server's words or the system's, on one line.
    """

    kind: FailureKind
    status: int
    message: str


@dataclass(frozen=True, slots=True)
class Record:
    """One request. Times are seconds after the run's start, by one monotonic clock.

    Attributes:
        index: Which prompt of the dataset.
        sent: When the first byte of the request was written.
        ended: When the answer was complete, or failed.
        scheduled: When an open-loop run wanted to send it; None in a closed loop.
        chunks: When each chunk that carries text, reasoning or a tool call came.
        chunk_tokens: Tokens of the answer after each chunk, where the server counts as it streams
            (``continuous_usage_stats``); empty otherwise.
        input_tokens: Tokens of the prompt by the server's usage, else as the dataset knows; None when nobody does.
        output_tokens: Tokens of the answer by the server's usage; None when it sends none.
        cached_tokens: Of the prompt, from the server's prefix cache; None when it does not say.
        asked_tokens: Tokens that were asked for.
        finish_reason: As the server says.
        failure: Why it failed; None when it did not.
        server: What the server says of its own times, such as ``queue_ms``.
        worker: Which process sent it.
    """

    index: int
    sent: float
    ended: float
    scheduled: float | None = None
    chunks: tuple[float, ...] = ()
    chunk_tokens: tuple[int, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    asked_tokens: int = 0
    finish_reason: str = ""
    failure: Failure | None = None
    server: Mapping[str, float] = field(default_factory=dict)
    worker: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain values; what is unknown or empty is left out."""
        values = {name: getattr(self, name) for name in self.__slots__ if name != "failure"}
        known: dict[str, Any] = {name: value for name, value in values.items() if value not in (None, (), {}, "")}
        if self.failure is not None:
            names = ("kind", "status", "message")
            known["failure"] = {name: getattr(self.failure, name) for name in names}
        return known
