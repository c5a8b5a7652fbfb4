"""`Axis`: from values to places, with ticks at numbers that people count in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

_TICKS: Final = 6
_STEPS: Final = (1.0, 2.0, 5.0, 10.0)
_FAR: Final = 30.0
"""A largest value so many times the median makes a linear axis mostly empty."""
_SMALLEST: Final = 1e-12
"""A range below this is none: no figure is so exact."""

_MOST_DECADES: Final = 9
"""Of a logarithmic axis; values below are at its edge."""


@dataclass(frozen=True)
class Axis:
    """One axis; `low` is less than `high`, and above 0 where it is logarithmic."""

    label: str
    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def share(self, value: float) -> float:
        """Where a value is, 0..1; what is outside is at the edge."""
        if self.log:
            value = max(value, self.low)
            place = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            place = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, place))


def linear_axis(label: str, values: Iterable[float]) -> Axis:
    """From 0, or from the smallest value where that is below, to a round number above the largest."""
    known = list(values)
    low, high = min([0.0, *known]), max([0.0, *known])
    if high - low < _SMALLEST:
        high = low + 1.0
    step = _step((high - low) / _TICKS)
    first, last = math.floor(low / step), math.ceil(high / step - 1e-9)
    ticks = tuple(number * step for number in range(first, last + 1))
    return Axis(label, ticks[0], ticks[-1], ticks)


def spread_axis(label: str, values: Sequence[float]) -> Axis:
    """Linear; logarithmic where a few values are so large that the others would all be at the edge."""
    positive = [value for value in values if value > 0]
    if len(positive) < len(values) or not positive or max(positive) < _FAR * median(positive):
        return linear_axis(label, values)
    low, high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    low, high = max(low, high - _MOST_DECADES), max(high, low + 1)
    marks = (1.0, 2.0, 5.0) if high - low <= 2 else (1.0,)
    ticks = [mark * 10.0**power for power in range(low, high) for mark in marks]
    return Axis(label, 10.0**low, 10.0**high, (*ticks, 10.0**high), log=True)


def tick_text(value: float) -> str:
    """0.5, 20, 12k, 3M."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= unit:
            return f"{value / min(unit, 1e3 if letter == 'k' else unit):g}{letter}"
    return f"{value:g}"


def _step(size: float) -> float:
    """The smallest of 1, 2, 5, 10, ... that is not below."""
    power = 10.0 ** math.floor(math.log10(size))
    return next((step * power for step in _STEPS if step * power >= size * (1 - 1e-9)), 10.0 * power)
