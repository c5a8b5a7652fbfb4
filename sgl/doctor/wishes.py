"""What people type after ``sgl doctor``, as values."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from sgl.config.values import human_integer
from sgl.doctor.finding import Group
from sgl.doctor.run import GROUPS
from sgl.errors import UsageError, echo

_MOST_RANKS: Final = 1024


def parse_groups(text: str, *, kernels: bool, quick: bool) -> tuple[Group, ...]:
    """The groups to look at: those that are listed (all, when none is), with or without the kernels.

    Raises:
        UsageError: There is no such group.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in GROUPS:
            near = get_close_matches(word, GROUPS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"groups are {', '.join(GROUPS)}"
            raise UsageError(f"--only: there is no group {echo(word)}", hint=hint)
    wanted = set(words) if words else set(GROUPS) - ({"kernels"} if quick else set())
    if kernels:
        wanted.add("kernels")
    return tuple(group for group in GROUPS if group in wanted)


def parse_port(text: str) -> int:
    """A port.

    Raises:
        UsageError: It is none.
    """
    return _integer("--port", text, 1, 65535)


def parse_count(flag: str, text: str) -> int:
    """A number of ranks.

    Raises:
        UsageError: It is none.
    """
    return _integer(flag, text, 1, _MOST_RANKS)


def _integer(flag: str, text: str, low: int, high: int) -> int:
    try:
        value = human_integer(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise UsageError(f"{flag} expects an integer from {low} to {high}, got {echo(text)}")
    return value
