"""What a streamed answer consists of, piece by piece.

Plain values without a connection behind them: a thread may hand them to another, and to asyncio.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Began:
    """The server has accepted the request; ``model`` is who answers, by its own word."""

    model: str


@dataclass(frozen=True)
class TextDelta:
    """More of the answer; never empty."""

    text: str


@dataclass(frozen=True)
class ReasoningDelta:
    """More of the reasoning; never empty."""

    text: str


@dataclass(frozen=True)
class Replaced:
    """What came as answer was reasoning: the two are all of each so far, and replace what is shown."""

    reasoning: str
    text: str


@dataclass(frozen=True)
class ToolCallDelta:
    """More of a tool call.

    Attributes:
        index: Which of the answer's calls.
        id: Its name for the result; empty but in the first piece.
        name: The function; empty but in the first piece.
        arguments: More of the JSON text.
    """

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Usage:
    """The server's counts of tokens, and the milliseconds in its queue; None where it says nothing."""

    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    queue_ms: float | None = None


@dataclass(frozen=True)
class ScoredToken:
    """A token that was drawn, and how likely it was.

    Attributes:
        text: The token; of one that is only a part of a character, whatever the server makes of it.
        logprob: Natural logarithm of its probability, from -9999 to 0.
        alternatives: The likeliest tokens in its place, as text and logprob, likeliest first; it may be among them.
    """

    text: str
    logprob: float
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class TokenScores:
    """More tokens with their probabilities, those of the reasoning included; sent only when asked for."""

    tokens: tuple[ScoredToken, ...]


@dataclass(frozen=True)
class Finished:
    """Why the answer ended: ``stop``, ``length``, ``tool_calls``, ``content_filter``..."""

    reason: str


Event = Began | TextDelta | ReasoningDelta | Replaced | ToolCallDelta | TokenScores | Usage | Finished
