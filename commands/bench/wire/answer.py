"""`Answer`: what the events of one answer say, whatever the API."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol


@dataclass(slots=True)
class Answer:
    """Grows as events are read.

    Attributes:
        chunks: When each chunk with text, reasoning or a tool call came.
        counts: Tokens of the answer after each chunk that said so.
        input_tokens, output_tokens, cached_tokens: The last counts.
        finish_reason: Why it ended; empty until it has.
        done: Whether the stream's last event has come.
        error: An error among the events, as (status, message).
        last: When the last event came; 0 before any.
        texts: The pieces of text, where they are to be kept.
        ids: The token ids, where they are to be kept and the server says them.
        server: What the server says of its own times.
    """

    chunks: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    finish_reason: str = ""
    done: bool = False
    error: tuple[int, str] | None = None
    last: float = 0.0
    texts: list[str] = field(default_factory=list)
    ids: tuple[int, ...] = ()
    server: dict[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The text, of streams that repeat it from the start as of those that do not."""
        texts = self.texts
        if len(texts) > 1 and all(later.startswith(earlier) for earlier, later in pairwise(texts)):
            return texts[-1]
        return "".join(texts)


class EventReader(Protocol):
    """Understands the events of one API."""

    def event(self, when: float, data: bytes, answer: Answer) -> None:
        """Adds one event.

        Raises:
            ValueError: It is not of the API (`msgspec.DecodeError` among them).
        """
        ...
