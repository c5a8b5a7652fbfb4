"""A terminal's screen, as far as our programs drive one: what a person sees after some output."""

from __future__ import annotations

import re
from typing import Final

_SEQUENCE: Final = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])")


class Screen:
    """Lines without end above, ``columns`` wide.

    Raises:
        AssertionError: From `feed`, when there is a sequence that it does not know.
    """

    def __init__(self, columns: int = 80) -> None:
        self.rows: list[str] = [""]
        self._columns = columns
        self._row = 0
        self._column = 0
        self._wraps = True

    def feed(self, text: str) -> Screen:
        """Takes output."""
        place = 0
        while place < len(text):
            if text[place] == "\x1b":
                sequence = _SEQUENCE.match(text, place)
                assert sequence is not None, ascii(text[place : place + 12])
                self._obey(sequence[1], sequence[2])
                place = sequence.end()
            else:
                self._put(text[place])
                place += 1
        return self

    def text(self) -> str:
        """What is on it, without blanks at the ends of lines and empty lines at the end."""
        return "\n".join(row.rstrip() for row in self.rows).rstrip("\n")

    def _put(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._row, self._column = self._row + 1, 0
        else:
            assert character.isprintable(), ascii(character)
            if self._column == self._columns:
                if not self._wraps:
                    self._column -= 1
                else:
                    self._row, self._column = self._row + 1, 0
            self._extend()
            row = self.rows[self._row].ljust(self._column)
            self.rows[self._row] = row[: self._column] + character + row[self._column + 1 :]
            self._column += 1
        self._extend()

    def _extend(self) -> None:
        while len(self.rows) <= self._row:
            self.rows.append("")

    def _obey(self, argument: str, letter: str) -> None:
        if letter == "A":
            self._row = max(0, self._row - int(argument or 1))
        elif (argument, letter) == ("2", "K"):
            self.rows[self._row] = ""
        elif (argument, letter) == ("", "J"):
            self.rows[self._row] = self.rows[self._row][: self._column]
            del self.rows[self._row + 1 :]
        elif argument == "?7":
            self._wraps = letter == "h"
        else:
            assert letter == "m", f"\\e[{argument}{letter}"
