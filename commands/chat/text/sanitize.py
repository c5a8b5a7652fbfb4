"""Takes out of a model's text whatever could drive a terminal or disguise what is written.

Dropped are control characters other than newline and tab, escape sequences as a whole (CSI, and the strings OSC,
DCS, SOS, PM and APC with their content), and the bidirectional overrides and isolates that reorder a line. Unicode's
line separators become newlines, and halves of surrogate pairs are joined or replaced.

A string sequence ends at its terminator, at a newline, or after `LONGEST_STRING` characters: a model that merely
writes about escape sequences must not lose the rest of its answer.
"""

from __future__ import annotations

import re
from typing import Final

LONGEST_STRING: Final = 4096

_SUSPICIOUS: Final = re.compile("[^\t\n -~\u00a0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\U0010ffff]")
"""Anything that is not passed on as it is; most text has none, and then nothing is copied."""

_LINE_ENDS: Final = frozenset("\n\u2028\u2029")
_STRING_ENDS: Final = frozenset("\x07\x18\x1a\x9c")
"""BEL, CAN, SUB, and ST as one character."""

_STRING_LETTERS: Final = frozenset("]PX^_")
"""What follows ESC in OSC, DCS, SOS, PM and APC."""

_C1_STRINGS: Final = frozenset("\x9d\x90\x98\x9e\x9f")
"""The same as one character."""

_C1_CSI: Final = "\x9b"

_GROUND, _ESCAPE, _CSI, _STRING, _STRING_ESCAPE = range(5)


class Sanitizer:
    """Cleans a stream; any cut of the stream into chunks gives the same text."""

    def __init__(self) -> None:
        self._state = _GROUND
        self._length = 0
        self._high = ""

    def feed(self, text: str) -> str:
        """Returns what of ``text``, and of what was held back, may be shown."""
        if self._state == _GROUND and not self._high and _SUSPICIOUS.search(text) is None:
            return text
        return "".join([self._letter(letter) for letter in text])

    def close(self) -> str:
        """Ends the stream; an unfinished sequence is dropped. Returns the last piece."""
        rest = "\ufffd" if self._high else ""
        self._state, self._high = _GROUND, ""
        return rest

    def _letter(self, letter: str) -> str:
        if self._state == _GROUND:
            return self._ground(letter)
        if self._state == _ESCAPE:
            return self._escape(letter)
        if self._state == _CSI:
            return self._csi(letter)
        return self._string(letter)

    def _ground(self, letter: str) -> str:
        before, self._high = self._high, ""
        if before:
            if "\udc00" <= letter <= "\udfff":
                return (before + letter).encode("utf-16", "surrogatepass").decode("utf-16")
            return "\ufffd" + self._ground(letter)
        if "\ud800" <= letter <= "\udbff":
            self._high = letter  # Its other half may come with the next chunk.
            return ""
        if "\udc00" <= letter <= "\udfff":
            return "\ufffd"
        if letter in _LINE_ENDS:
            return "\n"
        if letter == "\x1b":
            self._state = _ESCAPE
        elif letter == _C1_CSI:
            self._state = _CSI
        elif letter in _C1_STRINGS:
            self._begin_string()
        elif _SUSPICIOUS.match(letter) is None:
            return letter
        return ""

    def _escape(self, letter: str) -> str:
        if letter == "[":
            self._state = _CSI
        elif letter in _STRING_LETTERS:
            self._begin_string()
        elif " " <= letter <= "/":
            pass  # Intermediate characters; the final one is still to come.
        elif "0" <= letter <= "~":
            self._state = _GROUND
        else:
            return self._abort(letter)
        return ""

    def _csi(self, letter: str) -> str:
        if " " <= letter <= "?":
            return ""
        if "@" <= letter <= "~":
            self._state = _GROUND
            return ""
        return self._abort(letter)

    def _string(self, letter: str) -> str:
        self._length += 1
        if self._state == _STRING_ESCAPE:
            self._state = _ESCAPE
            if letter == "\\":
                self._state = _GROUND
                return ""
            return self._escape(letter)
        if letter in _LINE_ENDS or self._length > LONGEST_STRING:
            return self._abort(letter)
        if letter == "\x1b":
            self._state = _STRING_ESCAPE
        elif letter in _STRING_ENDS:
            self._state = _GROUND
        return ""

    def _begin_string(self) -> None:
        self._state, self._length = _STRING, 0

    def _abort(self, letter: str) -> str:
        """A character that cannot be in the sequence ends it, and counts."""
        self._state = _GROUND
        return self._ground(letter)


def sanitize(text: str) -> str:
    """Cleans a whole text."""
    if _SUSPICIOUS.search(text) is None:
        return text
    stream = Sanitizer()
    return stream.feed(text) + stream.close()
