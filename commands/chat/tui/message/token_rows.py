"""Tokens laid out on lines: which token stands where."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len, chop_cells

from ...client.events import ScoredToken
from ...text.sanitize import sanitize

SURE: Final = 0.5
"""Tokens less probable than this stand in brackets where there are no colours."""

_TAB: Final = 4


@dataclass(frozen=True)
class Run:
    """A token's piece of one line.

    Attributes:
        token: Number of the token, from 0.
        text: What is shown.
        start: Cell of the line where it begins.
        end: Cell behind it.
    """

    token: int
    text: str
    start: int
    end: int


class TokenRows:
    """The lines of some tokens for one width.

    Attributes:
        lines: The runs of each line, from the left.
    """

    def __init__(self, texts: Sequence[str], width: int, *, line_end: str) -> None:
        """
        Args:
            texts: What is shown of each token; newlines are written out and then made.
            width: Cells of a line.
            line_end: What stands for a newline; else a token that is nothing else could not be seen.
        """
        self.lines: list[list[Run]] = [[]]
        self._width = max(2, width)
        self._at = 0
        self._first: list[int] = []  # The line that each token begins on.
        for number, text in enumerate(texts):
            self._add(number, text, line_end)

    def line_of(self, token: int) -> int:
        """The line on which a token begins."""
        return self._first[token]

    def token_at(self, x: int, y: int) -> int | None:
        """The token at a cell; None where there is none."""
        if not 0 <= y < len(self.lines) or not self.lines[y]:
            return None
        line = self.lines[y]
        run = line[max(0, bisect_right([each.start for each in line], x) - 1)]
        return run.token if run.start <= x < run.end else None

    def _add(self, number: int, text: str, line_end: str) -> None:
        rows = text.split("\n")
        for index, row in enumerate(rows):
            last = index == len(rows) - 1
            shown = row if last else row + line_end
            if shown or len(rows) == 1:
                self._place(number, shown or line_end)
            if not last:
                self.lines.append([])
                self._at = 0

    def _place(self, number: int, text: str) -> None:
        if self._at and self._at + cell_len(text) > self._width:
            self.lines.append([])
            self._at = 0
        for index, piece in enumerate(chop_cells(text, self._width)):
            if index:
                self.lines.append([])
                self._at = 0
            if len(self._first) == number:
                self._first.append(len(self.lines) - 1)
            end = self._at + cell_len(piece)
            self.lines[-1].append(Run(number, piece, self._at, end))
            self._at = end


def shown_text(token: ScoredToken, probability: float, *, plain: bool) -> str:
    """What is shown of a token; in brackets when it is improbable and colours cannot say so."""
    text = sanitize(token.text).expandtabs(_TAB)
    return f"[{text}]" if plain and probability < SURE else text
