"""How the text of a flag or a variable becomes a value: one small class per kind of value.

Every kind has ``expects``, the words for an error message and for help, and ``parse``, which raises
`ValueError` when the text is something else; the caller knows the flag's name and writes the message.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from sgl.env import parse_switch

Value = str | int | float | bool | None | tuple[str, ...]

_SUFFIXES: Final[dict[str, int]] = {
    "": 1,
    **{letter: 1000**power for power, letter in enumerate("kmgt", start=1)},
    **{letter: 1024**power for power, letter in enumerate("KMGT", start=1)},
    **{f"{letter}i": 1024**power for power, letter in enumerate("KMGT", start=1)},
}
"""vLLM's rule: a small letter counts in thousands, a capital (also Ki, Mi, ...) in 1024s."""


class Kind(Protocol):
    """One kind of value."""

    @property
    def expects(self) -> str:
        """What a value looks like, to stand after the word "expects"."""

    @property
    def metavar(self) -> str:
        """The placeholder in help; empty for a switch, which takes no value."""

    def parse(self, text: str) -> Value:
        """Reads a value; raises `ValueError` when ``text`` is none."""


class Text(NamedTuple):
    """Any text but an empty one, without the character 0, which no name of a file can have."""

    expects: str = "some text"
    metavar: str = "TEXT"

    def parse(self, text: str) -> Value:
        """Returns the text as it is."""
        if not text or "\0" in text:
            raise ValueError(text)
        return text


class Words(NamedTuple):
    """Comma-separated words without blanks, e.g. names of a model."""

    expects: str
    metavar: str

    def parse(self, text: str) -> Value:
        """Returns the words; empty ones and characters that are not printable are refused."""
        words = tuple(word.strip() for word in text.split(","))
        if not all(word and word.isprintable() and " " not in word for word in words):
            raise ValueError(text)
        return words


class Secret(NamedTuple):
    """A key that travels in an HTTP header: visible ASCII without blanks."""

    expects: str = "a key of visible ASCII characters without blanks"
    metavar: str = "KEY"

    def parse(self, text: str) -> tuple[str]:
        """Returns a tuple of the one key, so that several flags add up."""
        if not text or not all("!" <= character <= "~" for character in text):
            raise ValueError("not a key")  # Without the text: a key must not reach a traceback.
        return (text,)


class Integer(NamedTuple):
    """An integer between ``low`` and ``high``, in digits or as a human number: 8k, 8K, 25.6k."""

    low: int
    high: int
    auto: bool = False
    metavar: str = "N"

    @property
    def expects(self) -> str:
        """The range in words, e.g. ``'auto' or an integer from 1 to 1024``."""
        either = "'auto' or " if self.auto else ""
        if self.high >= 2**31:
            return f"{either}an integer of at least {self.low} (8k = 8000, 8K = 8192)"
        return f"{either}an integer from {self.low} to {self.high}"

    def parse(self, text: str) -> Value:
        """Returns the integer, or None for ``auto``."""
        if self.auto and text == "auto":
            return None
        value = human_integer(text)
        if not self.low <= value <= self.high:
            raise ValueError(text)
        return value


class Real(NamedTuple):
    """A finite number above ``low`` (or from it, when ``closed``) up to ``high``."""

    low: float
    high: float = math.inf
    closed: bool = False
    auto: bool = False
    unit: str = "a number"
    metavar: str = "X"

    @property
    def expects(self) -> str:
        """The range in words, e.g. ``a number above 0 and at most 1``."""
        either = "'auto' or " if self.auto else ""
        floor = f"{'of at least' if self.closed else 'above'} {self.low:g}"
        ceiling = "" if self.high == math.inf else f" and at most {self.high:g}"
        return f"{either}{self.unit} {floor}{ceiling}"

    def parse(self, text: str) -> Value:
        """Returns the number, or None for ``auto``."""
        if self.auto and text == "auto":
            return None
        value = float(text)
        above = value >= self.low if self.closed else value > self.low
        if not math.isfinite(value) or not above or value > self.high:
            raise ValueError(text)
        return value


class Choice(NamedTuple):
    """One of the names in ``choices``.

    ``synonyms`` are further spellings of them, and ``unready`` names what this version understands but
    has to refuse with a reason; neither is offered in help.
    """

    choices: Mapping[str, Value]
    synonyms: Mapping[str, str] = {}
    unready: Mapping[str, Value] = {}

    @property
    def expects(self) -> str:
        """The names, e.g. ``one of auto, bfloat16, float16, float32``."""
        return f"one of {', '.join(self.choices)}"

    @property
    def metavar(self) -> str:
        """The names with bars between."""
        return "|".join(self.choices)

    def parse(self, text: str) -> Value:
        """Returns what the name stands for."""
        name = self.synonyms.get(text, text)
        for names in (self.choices, self.unready):
            if name in names:
                return names[name]
        raise ValueError(text)


class Switch(NamedTuple):
    """A flag without a value; ``given`` is what its field becomes. A variable says 1 or 0."""

    given: bool = True
    expects: str = "1 or 0"
    metavar: str = ""

    def parse(self, text: str) -> Value:
        """Returns the field's value for 1/0, true/false, yes/no, on/off."""
        return self.given if parse_switch(text) else not self.given


def human_integer(text: str) -> int:
    """Reads ``8192``, ``8k`` (8000), ``8K`` or ``8Ki`` (8192), ``25.6k`` (25600), exactly.

    Raises:
        ValueError: It is no such number, or it is not a whole one (``8.1234k``).
    """
    number = text.rstrip("kmgtKMGTi")
    scale = _SUFFIXES.get(text[len(number) :])
    sign, number = (-1, number[1:]) if number.startswith("-") else (1, number)
    whole, _, fraction = number.partition(".")
    digits = whole + fraction
    if scale is None or not digits.isascii() or not digits.isdecimal():
        raise ValueError(f"{text!r} is not a whole number")
    shift: int = 10 ** len(fraction)
    value, rest = divmod(int(digits) * scale, shift)
    if rest:
        raise ValueError(f"{text!r} is not a whole number")
    return sign * value
