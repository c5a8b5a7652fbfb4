"""Looks into a result's JSON, which may come from elsewhere: what is not there, or is of another kind, is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...chat.text.oneline import fit, one_line

LARGEST: Final = 1e15
"""No figure of a run is larger; what claims to be is damage, and would ruin an axis."""

LONGEST_TEXT: Final = 300


def number(table: Any, *path: str) -> float | None:
    """The number at the end of a path of keys."""
    found = _follow(table, path)
    if isinstance(found, bool) or not isinstance(found, int | float) or not -LARGEST <= found <= LARGEST:
        return None
    return float(found)


def part(table: Any, *path: str) -> Mapping[str, Any]:
    """The table at the end of a path; an empty one when there is none."""
    found = _follow(table, path)
    return found if isinstance(found, Mapping) else {}


def parts(table: Any, *path: str) -> list[Mapping[str, Any]]:
    """The tables of a list."""
    found = _follow(table, path)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list | tuple) else []


def text(table: Any, *path: str, limit: int = LONGEST_TEXT) -> str:
    """One clean line; empty when there is nothing."""
    return cleaned(_follow(table, path), limit)


def texts(table: Any, *path: str) -> list[str]:
    """The lines of a list that say something."""
    found = _follow(table, path)
    lines = [cleaned(one) for one in found] if isinstance(found, list | tuple) else []
    return [line for line in lines if line]


def cleaned(value: object, limit: int = LONGEST_TEXT) -> str:
    """A value as one line without control characters; tables and lists are not a value."""
    if value is None or isinstance(value, Mapping | list | tuple):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return fit(one_line(str(value)), limit)


def _follow(table: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        table = table.get(key) if isinstance(table, Mapping) else None
    return table
