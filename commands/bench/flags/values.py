"""Words of flags as values: numbers, lists, times, limits. Every error names the flag and what it expects."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sgl.config.values import human_integer
from sgl.errors import UsageError, echo

from .plan import AT_ONCE, ErrorLimit, Ramp, RampShape

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_SHAPES: Final[dict[str, RampShape]] = {"linear": "linear", "exponential": "exponential", "exp": "exponential"}


def whole(text: str, flag: str, *, low: int = 1, high: int = 1 << 40) -> int:
    """A whole number, also as ``10k``.

    Raises:
        UsageError: It is none, or out of range. So raise all functions here.
    """
    try:
        value = human_integer(text.strip())
    except ValueError as error:
        raise _wrong(flag, "a whole number", text) from error
    if not low <= value <= high:
        raise _wrong(flag, f"at least {low}" if value < low else f"at most {high}", text)
    return value


def wholes(text: str, flag: str) -> tuple[int, ...]:
    """Whole numbers with commas between, each once, in the order given."""
    return tuple(dict.fromkeys(whole(word, flag) for word in _words(text, flag)))


def number(text: str, flag: str, *, above: float = 0.0, infinite: bool = False) -> float:
    """A number above ``above``; ``inf`` only where it means something."""
    try:
        value = float(text)
    except ValueError as error:
        raise _wrong(flag, "a number", text) from error
    if math.isnan(value) or value <= above or (math.isinf(value) and not infinite):
        raise _wrong(flag, f"a number above {above:g}", text)
    return value


def rates(text: str, flag: str) -> tuple[float, ...]:
    """Requests per second, with commas between; ``inf`` is all at once."""
    return tuple(dict.fromkeys(number(word, flag, infinite=True) for word in _words(text, flag)))


def seconds(text: str, flag: str) -> float:
    """A time: ``60s``, ``2m``, ``500ms``, ``1h``, or a number of seconds."""
    digits = text.strip().rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = text.strip()[len(digits) :] or "s"
    try:
        value = float(digits) * _UNITS[unit]
    except (KeyError, ValueError) as error:
        raise _wrong(flag, "a time such as 60s, 2m or 500ms", text) from error
    if not 0 < value < math.inf:
        raise _wrong(flag, "a time above 0", text)
    return value


def ramp(text: str, flag: str) -> Ramp:
    """``1-50``, or ``exponential:1-50``."""
    shape, colon, span = text.partition(":")
    low, dash, high = (span if colon else shape).partition("-")
    if (colon and shape not in _SHAPES) or not dash:
        raise _wrong(flag, "two rates such as 1-50 or exponential:1-50", text)
    start, end = number(low, flag, above=-1.0), number(high, flag)
    kind = _SHAPES[shape] if colon else "linear"
    if start < 0 or start >= end or (kind == "exponential" and start == 0):
        least = "above 0" if kind == "exponential" else "of at least 0"
        raise _wrong(flag, f"a first rate {least} and below the second", text)
    return Ramp(start, end, kind)


def error_limit(text: str, flag: str) -> ErrorLimit:
    """``5``, or ``1%``."""
    if not text.strip().endswith("%"):
        return ErrorLimit(count=whole(text, flag, low=0))
    share = number(text.strip()[:-1], flag, above=-1.0)
    if not 0 <= share <= 100:
        raise _wrong(flag, "a number of requests or a share such as 1%", text)
    return ErrorLimit(share=share / 100)


def pairs(words: Iterable[str], flag: str) -> dict[str, str]:
    """``NAME=VALUE`` words; ``NAME: VALUE`` is taken as well, as curl has it."""
    result: dict[str, str] = {}
    for word in words:
        equals, colon = word.find("="), word.find(": ")
        cut = colon if colon > 0 and (equals < 0 or colon < equals) else equals
        name, value = word[:cut].strip(), word[cut + (2 if cut == colon else 1) :].strip()
        if cut < 1 or not name:
            raise _wrong(flag, "NAME=VALUE", word)
        result[name] = value
    return result


def fields(words: Sequence[str], flag: str) -> dict[str, Any]:
    """``KEY=VALUE`` words as fields of a request; what is JSON is read as such."""
    return {name: _json_or_text(value) for name, value in pairs(words, flag).items()}


def json_object(text: str, flag: str) -> Mapping[str, Any]:
    """An object in JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(flag, 'a JSON object such as {"top_k": 20}', text) from error
    if not isinstance(value, dict):
        raise _wrong(flag, "a JSON object", text)
    return value


def file(text: str) -> Path:
    """A file's name, with ``~`` for the home folder."""
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:  # There is no home folder, so ~ is a plain character.
        return path


def _words(text: str, flag: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise _wrong(flag, "numbers with commas between, such as 1,4,16", text)
    return words


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _wrong(flag: str, expected: str, text: str) -> UsageError:
    return UsageError(f"{flag} expects {expected}, got {echo(text)}")


def is_at_once(values: Sequence[float]) -> bool:
    """Whether one of the rates sends everything at time 0."""
    return AT_ONCE in values
