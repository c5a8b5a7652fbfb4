"""Figures as text: a number never has more digits than it deserves, and what is missing is a dash."""

from __future__ import annotations

from typing import Final

from ..metrics.definitions import Unit

MISSING: Final = "-"
NOT_GIVEN: Final = "n/a"
"""A percentile for which the sample is too small; a note says how small."""


def count(value: float | None) -> str:
    """A whole number."""
    return MISSING if value is None else f"{value:,.0f}"


def plain(value: float | None) -> str:
    """Four digits or more, as many decimals as that leaves: 0.123, 12.34, 1,234."""
    if value is None:
        return MISSING
    size = float(f"{abs(value):.4g}")  # 99.999 is shown as 100.0, not as 100.00.
    decimals = 0 if size >= 1000 or value == 0 else 1 if size >= 100 else 2 if size >= 1 else 3
    return f"{value:,.{decimals}f}"


def percent(share: float | None, decimals: int = 1) -> str:
    """A share of 0..1."""
    return MISSING if share is None else f"{100 * share:.{decimals}f} %"


def signed_percent(change: float | None) -> str:
    """A change of 0 that is none, with its sign."""
    return MISSING if change is None else f"{100 * change:+,.1f} %"


def seconds(value: float | None) -> str:
    """A length of time in seconds."""
    return MISSING if value is None else f"{plain(value)} s"


def milliseconds(value: float | None) -> str:
    """A length of time in milliseconds."""
    return MISSING if value is None else f"{plain(value)} ms"


def in_unit(value: float | None, unit: Unit) -> str:
    """A figure without its unit, which a heading names; a share with it."""
    return percent(value, 2) if unit == "share" else plain(value)


def clock(value: float) -> str:
    """0:07, 12:30, 1:02:03."""
    whole = int(max(0.0, value))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def several(number: float, noun: str) -> str:
    """1 request, 2 requests."""
    return f"{number:,.0f} {noun}" if number == 1 else f"{number:,.0f} {noun}s"
