"""Prometheus' text format: the numbers of a scrape by name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final

_SAMPLE: Final = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{.*\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?\s*")


class Exposition:
    """What one scrape says. Series that differ only in their labels, such as those of several engines, are together.

    Lines that are none of the format's are passed over, and so are values that are not finite.
    """

    def __init__(self, text: str) -> None:
        self._values: dict[str, list[float]] = {}
        for line in text.split("\n"):
            match = _SAMPLE.fullmatch(line)
            value = None if match is None else _finite(match[2])
            if match is not None and value is not None:
                self._values.setdefault(match[1], []).append(value)

    def __bool__(self) -> bool:
        return bool(self._values)

    def total(self, names: Iterable[str]) -> float | None:
        """The sum of the series of the first name that there is."""
        return next((sum(self._values[name]) for name in names if name in self._values), None)

    def mean(self, names: Iterable[str]) -> float | None:
        """The mean of the series of the first name that there is."""
        return next((sum(self._values[name]) / len(self._values[name]) for name in names if name in self._values), None)


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
