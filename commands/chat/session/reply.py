"""`Reply`: an answer as far as it has come, from its events; what is kept of it, and how fast it came."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..client.events import (
    Began,
    Event,
    Finished,
    ReasoningDelta,
    Replaced,
    ScoredToken,
    TextDelta,
    TokenScores,
    ToolCallDelta,
    Usage,
)
from ..store.parts import Part, Parts, Reasoning, Text, ToolCall
from ..store.turns import Figures


@dataclass
class _Call:
    """A tool call as far as it has come."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Reply:
    """Collects events. Times are of the clock on this side, from the moment the reply is made.

    Attributes:
        model: Who answers, by the server's word; else who was asked.
        usage: The server's counts; None when it sends none.
        finish_reason: Why it ended; empty before.
        before: What the answer that this one goes on with had said; empty for an answer of its own.
        scores: The tokens with their probabilities, when they were asked for.
    """

    def __init__(self, model: str, clock: Callable[[], float] = time.monotonic, *, before: Sequence[Part] = ()) -> None:
        self.model = model
        self.before: Parts = tuple(before)
        self.scores: list[ScoredToken] = []
        self.usage: Usage | None = None
        self.finish_reason = ""
        self._clock = clock
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, _Call] = {}
        self._began = clock()
        self._first: float | None = None
        self._last = self._began
        self._answer: float | None = None  # When the answer itself began, after the reasoning.
        self._pieces = 0

    @property
    def text(self) -> str:
        """The answer so far, as the model wrote it; without what was there before."""
        return "".join(self._text)

    @property
    def reasoning(self) -> str:
        """The reasoning so far, as the model wrote it."""
        return "".join(self._reasoning)

    @property
    def parts(self) -> Parts:
        """What is kept of it, with what was there before; nothing as long as nothing came."""
        parts = self._new_parts()
        if parts and self.before and isinstance(parts[0], Text) and isinstance(self.before[-1], Text):
            return (*self.before[:-1], Text(self.before[-1].text + parts[0].text), *parts[1:])
        return (*self.before, *parts) if parts else ()

    def _new_parts(self) -> list[Part]:
        parts: list[Part] = []
        if self._reasoning:
            tokens = self.usage.reasoning_tokens if self.usage else None
            parts.append(Reasoning(self.reasoning, self.reasoning_seconds, tokens))
        if self._text:
            parts.append(Text(self.text))
        return [*parts, *self.tool_calls]

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls in their order."""
        calls = [self._calls[index] for index in sorted(self._calls)]
        return tuple(ToolCall(call.id, call.name, "".join(call.arguments)) for call in calls)

    def add(self, event: Event) -> None:
        """Takes the next event."""
        match event:
            case Began(model):
                self.model = model or self.model
            case TextDelta(text):
                self._came()
                if self._answer is None:
                    self._answer = self._last
                self._text.append(text)
            case ReasoningDelta(text):
                self._came()
                self._reasoning.append(text)
            case Replaced(reasoning, text):
                self._came()
                self._answer = self._last
                self._reasoning, self._text = [reasoning], [text] if text else []
            case ToolCallDelta(index, id, name, arguments):
                self._came()
                call = self._calls.setdefault(index, _Call())
                call.id, call.name = call.id or id, call.name or name
                call.arguments.append(arguments)
            case TokenScores(tokens):
                self.scores += tokens
            case Usage():
                self.usage = event
            case Finished(reason):
                self.finish_reason = reason

    @property
    def ttft(self) -> float | None:
        """Seconds until the first piece; None before."""
        return None if self._first is None else self._first - self._began

    @property
    def seconds(self) -> float:
        """Seconds until the last piece so far."""
        return self._last - self._began

    @property
    def reasoning_seconds(self) -> float | None:
        """Seconds from the first piece to the answer; None without reasoning."""
        if not self._reasoning or self._first is None:
            return None
        return (self._last if self._answer is None else self._answer) - self._first

    @property
    def output_tokens(self) -> int:
        """Tokens of the answer; pieces, where the server does not count: see `estimated`."""
        counted = self.usage.output_tokens if self.usage else None
        return self._pieces if counted is None else counted

    @property
    def estimated(self) -> bool:
        """Whether `output_tokens` counts pieces."""
        return self.usage is None or self.usage.output_tokens is None

    @property
    def tokens_per_second(self) -> float | None:
        """Speed after the first piece; None for what came in one piece."""
        if self._first is None or self._pieces < 2 or self._last <= self._first:
            return None
        return (self.output_tokens - 1) / (self._last - self._first)

    @property
    def figures(self) -> Figures:
        """The numbers that are kept; those that would be estimates are not."""
        usage = self.usage or Usage(None, None)
        speed = None if self.estimated else self.tokens_per_second
        return Figures(
            ttft_ms=None if self.ttft is None else 1000 * self.ttft,
            tpot_ms=1000 / speed if speed else None,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens,
            queue_ms=usage.queue_ms,
        )

    def _came(self) -> None:
        self._last = self._clock()
        self._pieces += 1
        if self._first is None:
            self._first = self._last
