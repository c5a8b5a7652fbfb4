"""Text on one clean line: a conversation's title, its last line in a list, a path in a message."""

from __future__ import annotations

from typing import Final

from .sanitize import sanitize

TITLE_LETTERS: Final = 50


def title_from(text: str) -> str:
    """The first words of a text, as a title: at most 50 characters of one line, cut between words."""
    return fit(one_line(text[: 20 * TITLE_LETTERS]), TITLE_LETTERS)


def last_line(text: str, limit: int = 120) -> str:
    """The last line of a text that says something."""
    lines = [line for line in sanitize(text[-20 * limit :]).split("\n") if line.strip()]
    return fit(" ".join(lines[-1].split()), limit) if lines else ""


def one_line(text: str) -> str:
    """All of a text on one line, without control characters."""
    return " ".join(sanitize(text).split())


def fit(line: str, limit: int) -> str:
    """Cuts a line to ``limit`` characters, preferably between words, and marks the cut."""
    if len(line) <= limit:
        return line
    head = line[: limit - 1]
    words = head if line[limit - 1] == " " else head.rpartition(" ")[0]
    return (words if 2 * len(words) > limit else head).rstrip() + "…"
