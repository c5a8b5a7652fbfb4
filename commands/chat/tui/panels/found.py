"""Words that are looked for: the places where they stand in a text, and marks on these places."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from textual.content import Content

_STYLE: Final = "reverse"
_CURRENT_STYLE: Final = "reverse bold underline"


@dataclass(frozen=True)
class Found:
    """What is looked for.

    Attributes:
        words: Texts; each is found in any case, also where a line was broken between two words of it.
        current: Which place stands out among the others; negative for none.
    """

    words: tuple[str, ...] = ()
    current: int = -1

    def places(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each place, from the top."""
        found = pattern_of(self.words)
        return [] if found is None else [match.span() for match in found.finditer(text)]

    def lines(self, text: str) -> list[int]:
        """The number of the line on which each place begins."""
        return [text.count("\n", 0, start) for start, _ in self.places(text)]

    def mark(self, content: Content) -> Content:
        """The content with its places marked."""
        for number, (start, end) in enumerate(self.places(content.plain)):
            content = content.stylize(_CURRENT_STYLE if number == self.current else _STYLE, start, end)
        return content


def pattern_of(words: Sequence[str]) -> re.Pattern[str] | None:
    """Finds any of the words; None when there are none."""
    patterns = [r"\s+".join(map(re.escape, text.split())) for text in words if text.strip()]
    return re.compile("|".join(patterns), re.IGNORECASE) if patterns else None
