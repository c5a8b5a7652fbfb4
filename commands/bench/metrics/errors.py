"""Failures in groups: the same fault with another number in its text is the same fault."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from ..record import Failure, Record

MOST_GROUPS: Final = 5
"""That are named; how many failed in all is counted elsewhere."""

MOST_CHARACTERS: Final = 500
"""Of a message that are looked at and kept: a server may answer with a whole page."""

_VARIABLE: Final = re.compile(r"0x[0-9a-fA-F]+|\b(?=\w*\d)[0-9a-fA-F]{8,}(?:-[0-9a-fA-F]{4,}){0,4}\b|\d+(?:\.\d+)?")
"""Addresses, ids and numbers."""


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Failures that look alike.

    Attributes:
        kind: What happened.
        status: HTTP status; 0 without one.
        message: Their text with ``N`` in place of each number or id.
        count: How many.
        example: The first one's text as it came. Not ours: whoever shows it sanitizes it.
    """

    kind: str
    status: int
    message: str
    count: int
    example: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def group_errors(records: Iterable[Record], most: int = MOST_GROUPS) -> tuple[ErrorGroup, ...]:
    """The largest groups first; groups of one size in the order they came up."""
    counts: dict[tuple[str, int, str], int] = {}
    examples: dict[tuple[str, int, str], str] = {}
    for record in records:
        if record.failure is not None:
            key = _key(record.failure)
            counts[key] = counts.get(key, 0) + 1
            examples.setdefault(key, record.failure.message[:MOST_CHARACTERS])
    largest = sorted(counts, key=lambda key: -counts[key])[:most]
    return tuple(ErrorGroup(*key, counts[key], examples[key]) for key in largest)


def _key(failure: Failure) -> tuple[str, int, str]:
    return failure.kind, failure.status, _VARIABLE.sub("N", failure.message[:MOST_CHARACTERS])
