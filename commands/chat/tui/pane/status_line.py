"""`StatusLine`: the figures of the answer that comes, or of the last one, and how full the context is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual.content import Content
from textual.widgets import Static

from ...session.reply import Reply
from ...store.turns import Figures
from ..look import Marks

_BAR: Final = 10
_SECONDS_FROM_MS: Final = 9999.5
_NARROW: Final = 70
"""Columns below which the bar of the context gives way to its number."""

ALMOST_FULL: Final = 0.9


@dataclass(frozen=True)
class Numbers:
    """What the line shows; None where nobody knows.

    Attributes:
        streaming: Whether an answer comes.
        ttft_ms: Milliseconds until the first token.
        speed: Tokens per second.
        input_tokens: Of the prompt.
        output_tokens: Of the answer.
        cached_tokens: Of the prompt, that the server still had.
        queue_ms: Milliseconds in the server's queue.
        estimated: Whether `output_tokens` counts pieces.
    """

    streaming: bool = False
    ttft_ms: float | None = None
    speed: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    queue_ms: float | None = None
    estimated: bool = False

    @property
    def context(self) -> int | None:
        """Tokens of the context that are taken."""
        return None if self.input_tokens is None else self.input_tokens + (self.output_tokens or 0)


def numbers_of(reply: Reply, *, streaming: bool) -> Numbers:
    """The numbers of an answer of this run."""
    usage = reply.usage
    return Numbers(
        streaming,
        None if reply.ttft is None else 1000 * reply.ttft,
        reply.tokens_per_second,
        usage.input_tokens if usage else None,
        reply.output_tokens,
        usage.cached_tokens if usage else None,
        reply.figures.queue_ms,
        reply.estimated,
    )


def stored_numbers(figures: Figures) -> Numbers:
    """The numbers of an answer from the store."""
    speed = 1000 / figures.tpot_ms if figures.tpot_ms else None
    counts = (figures.input_tokens, figures.output_tokens, figures.cached_tokens)
    return Numbers(False, figures.ttft_ms, speed, *counts, figures.queue_ms)


def words_of(numbers: Numbers) -> list[str]:
    """Each number with its name; what nobody measured is left out."""
    words = []
    if numbers.ttft_ms is not None:
        slow = numbers.ttft_ms >= _SECONDS_FROM_MS
        words.append(f"TTFT {numbers.ttft_ms / 1000:.1f} s" if slow else f"TTFT {numbers.ttft_ms:.0f} ms")
    if numbers.speed is not None:
        words.append(f"{'~' if numbers.estimated else ''}{numbers.speed:.1f} tok/s")
    if numbers.input_tokens is not None:
        words.append(f"{numbers.input_tokens} in")
    if numbers.cached_tokens is not None:
        words.append(f"{numbers.cached_tokens} cached")
    if numbers.output_tokens:
        words.append(f"{'~' if numbers.estimated else ''}{numbers.output_tokens} out")
    if numbers.queue_ms is not None:
        words.append(f"queue {numbers.queue_ms:.0f} ms")
    return words


class StatusLine(Static):
    """One line below a conversation."""

    def __init__(self, marks: Marks) -> None:
        super().__init__("", classes="status-line")
        self._marks = marks
        self._numbers = Numbers()
        self._capacity: int | None = None
        self._state = ""

    def show_numbers(self, numbers: Numbers) -> None:
        """Shows the figures of an answer."""
        self._numbers = numbers
        self._draw()

    def show_context(self, tokens: int | None) -> None:
        """How many tokens the model can hold."""
        self._capacity = tokens
        self._draw()

    def show_state(self, words: str) -> None:
        """What goes on, in place of figures; empty for nothing."""
        self._state = words
        self._draw()

    def on_resize(self) -> None:
        """The bar may fit now, or not any more."""
        self._draw()

    def _draw(self) -> None:
        words = [self._state] if self._state else words_of(self._numbers)
        text = Content(f" {self._marks.dot} ".join(words))
        taken = self._numbers.context
        if self._capacity and taken is not None:
            share = min(1.0, taken / self._capacity)
            style = "$text-warning" if share >= ALMOST_FULL else ""
            text = Content.assemble(text, f" {self._marks.dot} " if text.plain else "", (self._bar(share), style))
        self.update(text)

    def _bar(self, share: float) -> str:
        if self.size.width < _NARROW:
            return f"{share:.0%} of context"
        full = round(share * _BAR)
        return f"{self._marks.bar[0] * full}{self._marks.bar[1] * (_BAR - full)} {share:.0%} of {self._capacity}"
