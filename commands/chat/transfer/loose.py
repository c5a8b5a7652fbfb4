"""Reads values of a file that nobody checked: what has another type than expected counts as absent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ..client.fields import number_in

_EMPTY: Final[Mapping[str, Any]] = {}
_LATEST: Final = 32503680000.0
"""The year 3000, in seconds: a larger number is in milliseconds or finer, or nonsense."""


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else _EMPTY


def items(value: object) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """The value if it is text, else none."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int | None:
    """The value if it is a whole number that SQLite can hold, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63 else None


def number(value: object) -> float | None:
    """The value if it is a finite number, else None."""
    found = number_in(value)
    return found if found is not None and math.isfinite(found) else None


def seconds(value: object) -> float | None:
    """A moment as seconds since 1970: from a number in any usual unit, or from ISO 8601 text."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
        except (ValueError, OverflowError, OSError):
            return None
    moment = number(value)
    if moment is None or moment < 0:
        return None
    while moment > _LATEST:
        moment /= 1000
    return moment
