"""Values out of JSON that anybody may have written: what is of the wrong type counts as missing."""

from __future__ import annotations

import json
import math
from typing import Any


def json_object(text: str) -> dict[str, Any] | None:
    """The object that a text holds; None for everything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def object_in(value: object) -> dict[str, Any]:
    """An object; empty for none."""
    return value if isinstance(value, dict) else {}


def objects_in(value: object) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_in(value: object) -> str:
    """A text; empty for none."""
    return value if isinstance(value, str) else ""


def count_in(value: object) -> int | None:
    """A whole number from 0 on."""
    return value if type(value) is int and value >= 0 else None


def number_in(value: object) -> float | None:
    """A number that is not NaN; it may be infinite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return None if math.isnan(result) else result


def duration_in(value: object) -> float | None:
    """A finite number from 0 on."""
    found = number_in(value)
    return found if found is not None and 0 <= found < math.inf else None
