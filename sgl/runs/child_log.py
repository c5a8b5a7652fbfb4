"""What the log of a server that has just started, or failed to, holds for the person who started it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

CARD: Final = "sgl is ready at "
_ERROR: Final = "error: "
_HINT: Final = "  hint: "
_WARNING: Final = "warning: "
_LARGEST: Final = 1 << 20


def complaint(log: Path) -> list[str]:
    """Its last ``error:`` line and the hints that follow; empty when it had none to say."""
    return last_complaint(_lines(log))


def last_complaint(lines: Sequence[str]) -> list[str]:
    """Of what a program said on standard error, the last ``error:`` line and the hints that follow."""
    places = [place for place, line in enumerate(lines) if line.startswith(_ERROR)]
    if not places:
        return []
    found = [lines[places[-1]]]
    for line in lines[places[-1] + 1 :]:
        if not line.startswith(_HINT):
            break
        found.append(line)
    return found


def warnings(log: Path) -> list[str]:
    """Its ``warning:`` lines."""
    return [line for line in _lines(log) if line.startswith(_WARNING)]


def card(log: Path) -> list[str]:
    """Its ready card, from the address to the end, with an empty line before and after."""
    return ["", *_card(_lines(log))]


def _card(lines: list[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        if line.startswith(CARD):
            inside = True
        elif inside and line and not line.startswith("  "):
            return
        if inside:
            yield line


def _lines(log: Path) -> list[str]:
    with log.open("rb") as file:
        return file.read(_LARGEST).decode("utf-8", "replace").splitlines()
