"""How long prompts and answers are: always the same, or drawn from a distribution that is written in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias

from sgl.config.values import human_integer
from sgl.errors import UsageError, echo

from .draw import normal, whole

FORMS: Final = "1k, 100-1024, normal:512:128, lognormal:512:256, or 1024:0.5 (from half of it to all of it)"
"""The forms of a length, as errors list them."""

_LONGEST: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always the same number of tokens."""

    tokens: int

    def draw(self, _draw: Random) -> int:
        """The number."""
        return self.tokens

    @property
    def mean(self) -> float:
        """Its mean."""
        return float(self.tokens)

    def __str__(self) -> str:
        return str(self.tokens)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Any number from `low` to `high`, both included, each as likely."""

    low: int
    high: int

    def draw(self, draw: Random) -> int:
        """A number of tokens."""
        return whole(draw, self.low, self.high)

    @property
    def mean(self) -> float:
        """Its mean."""
        return (self.low + self.high) / 2

    def __str__(self) -> str:
        return f"{self.low}-{self.high}"


@dataclass(frozen=True, slots=True)
class Normal:
    """A normal distribution, rounded, and at least 1.

    Attributes:
        mean: Of the lengths.
        deviation: Their standard deviation.
    """

    mean: float
    deviation: float

    def draw(self, draw: Random) -> int:
        """A number of tokens."""
        return max(1, round(self.mean + self.deviation * normal(draw)))

    def __str__(self) -> str:
        return f"normal:{self.mean:g}:{self.deviation:g}"


@dataclass(frozen=True, slots=True)
class LogNormal:
    """A log-normal distribution: most are short, a few are very long. Rounded, and at least 1.

    Attributes:
        mean: Of the lengths themselves, not of their logarithms.
        deviation: The lengths' standard deviation.
    """

    mean: float
    deviation: float

    def draw(self, draw: Random) -> int:
        """A number of tokens."""
        spread = math.log1p((self.deviation / self.mean) ** 2)
        middle = math.log(self.mean) - spread / 2
        return max(1, round(math.exp(middle + math.sqrt(spread) * normal(draw))))

    def __str__(self) -> str:
        return f"lognormal:{self.mean:g}:{self.deviation:g}"


Lengths: TypeAlias = Fixed | Uniform | Normal | LogNormal


def parse_lengths(text: str, flag: str) -> Lengths:
    """Reads a length in one of `FORMS`.

    Args:
        text: As typed.
        flag: Where it was typed, for the error.

    Raises:
        UsageError: It is none of them, or holds a number that no length can be.
    """
    head, *rest = text.strip().lower().split(":")
    if head in ("normal", "lognormal"):
        if len(rest) != 2:
            raise _wrong(text, flag, f"{head} takes a mean and a standard deviation, such as {head}:512:128")
        mean, deviation = _tokens(rest[0], text, flag), _tokens(rest[1], text, flag, least=0)
        return Normal(mean, deviation) if head == "normal" else LogNormal(mean, deviation)
    if len(rest) > 1:
        raise _wrong(text, flag)
    if rest:
        return range_of(_tokens(head, text, flag), _ratio(rest[0], text, flag))
    low, dash, high = head.partition("-")
    if not dash:
        return Fixed(_tokens(head, text, flag))
    lowest, highest = _tokens(low, text, flag), _tokens(high, text, flag)
    if lowest > highest:
        raise _wrong(text, flag, f"the smaller number comes first: {high}-{low}")
    return _span(lowest, highest)


def range_of(tokens: int, ratio: float) -> Lengths:
    """From ``ratio`` of the tokens to all of them, at least 1: SGLang's ``--random-range-ratio``."""
    return _span(max(1, int(tokens * ratio)), tokens)


def range_around(tokens: int, ratio: float) -> Lengths:
    """``ratio`` below to ``ratio`` above the tokens, at least 1: vLLM's ``--random-range-ratio``."""
    return _span(max(1, math.floor(tokens * (1 - ratio))), math.ceil(tokens * (1 + ratio)))


def fitted(prompt: int, answer: int, context: int | None) -> tuple[int, int]:
    """The two lengths, shortened where together they would not fit the server's context; the answer goes first.

    Each is at least 1, and an answer leaves at least one token for its prompt.
    """
    if context is None:
        return prompt, answer
    answer = max(1, min(answer, context - 1))
    return max(1, min(prompt, context - answer)), answer


def _span(low: int, high: int) -> Lengths:
    return Fixed(low) if low == high else Uniform(low, high)


def _tokens(text: str, whole_text: str, flag: str, *, least: int = 1) -> int:
    try:
        value = human_integer(text)
    except ValueError as error:
        raise _wrong(whole_text, flag) from error
    if not least <= value <= _LONGEST:
        raise _wrong(whole_text, flag, f"{text} is not a number of tokens: it must be at least {least}")
    return value


def _ratio(text: str, whole_text: str, flag: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise _wrong(whole_text, flag) from error
    if not 0 <= value <= 1:
        raise _wrong(whole_text, flag, "the number after the colon is a share, from 0 to 1")
    return value


def _wrong(text: str, flag: str, hint: str | None = None) -> UsageError:
    return UsageError(f"{flag} expects a length in tokens, got {echo(text)}", hint=hint or f"write {FORMS}")
