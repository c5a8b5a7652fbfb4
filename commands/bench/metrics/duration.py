"""Durations as people write them: ``200``, ``200ms``, ``3s``, ``50us``."""

from __future__ import annotations

import math
from typing import Final

SECONDS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0}
"""Units -> seconds."""


def split_unit(text: str) -> tuple[float, str] | None:
    """``"3.5s"`` -> (3.5, ``"s"``); None when it does not begin with a number that is finite and not negative."""
    text = text.strip()
    end = next((place for place, mark in enumerate(text) if mark not in "0123456789."), len(text))
    try:
        number = float(text[:end])
    except ValueError:
        return None
    return (number, text[end:].strip()) if math.isfinite(number) else None


def parse_seconds(text: str, unit: str = "ms") -> float | None:
    """Seconds; a bare number is in ``unit``. None when it is no duration."""
    parts = split_unit(text)
    if parts is None or (parts[1] or unit) not in SECONDS:
        return None
    return parts[0] * SECONDS[parts[1] or unit]
