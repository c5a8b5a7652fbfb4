"""What one output stream can show: colours, Unicode, a display that is redrawn; and text fitted to it.

The rules are the ones people know: ``NO_COLOR`` (no-color.org) wins, ``FORCE_COLOR`` and ``CLICOLOR_FORCE`` colour a
pipe, ``TERM=dumb`` gets plain lines, and a stream whose encoding lacks a character gets ASCII instead of an error.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Final, Literal, TextIO

Style = Literal["bold", "dim", "red", "green", "yellow", "blue", "cyan"]
Mark = Literal["ok", "warn", "error", "skip", "run", "arrow"]

_CODES: Final[dict[Style, str]] = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "cyan": "36",
}
_MARKS: Final[dict[Mark, tuple[str, str]]] = {
    "ok": ("✓", "[OK]"),
    "warn": ("!", "[!]"),
    "error": ("✗", "[X]"),
    "skip": ("-", "[-]"),
    "run": ("·", "[ ]"),
    "arrow": ("→", "->"),
}
_MARK_STYLES: Final[dict[Mark, Style]] = {"ok": "green", "warn": "yellow", "error": "red"}
_PROBE: Final = "✓✗→·█░…"
_DEFAULT_COLUMNS: Final = 80


class Terminal:
    """One stream, looked at once.

    Attributes:
        interactive: A person watches, and lines may be redrawn.
        color: Colours may be used.
        unicode: Characters beyond ASCII can be written.
        columns: Width to fill; 80 where nobody knows better.
    """

    def __init__(self, stream: TextIO, environ: Mapping[str, str] = os.environ) -> None:
        watched = stream.isatty()
        smart = environ.get("TERM") != "dumb"
        self.interactive = watched and smart
        self.color = _wants_color(environ, self.interactive)
        self.unicode = _can_encode(stream, _PROBE)
        self.columns = shutil.get_terminal_size((_DEFAULT_COLUMNS, 24)).columns if watched else _DEFAULT_COLUMNS
        self._encoding = stream.encoding or "utf-8"

    def style(self, text: str, *styles: Style) -> str:
        """Returns ``text`` in the given styles, or as it is where colours are off."""
        if not self.color or not styles or not text:
            return text
        return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"

    def mark(self, mark: Mark) -> str:
        """A status mark: one character, or ASCII in brackets, coloured where colours are on."""
        text = _MARKS[mark][0 if self.unicode else 1]
        return self.style(text, _MARK_STYLES[mark]) if mark in _MARK_STYLES else text

    def fit(self, text: str) -> str:
        """Returns ``text`` with every character that the stream cannot write replaced by ``?``."""
        return text.encode(self._encoding, "replace").decode(self._encoding)


def tolerate(*streams: TextIO) -> None:
    """Makes streams replace what their encoding lacks; a message must never die of a character in it."""
    for stream in streams:
        reconfigure = getattr(stream, "reconfigure", None)  # A test's stand-in may have none.
        if reconfigure is not None:
            reconfigure(errors="replace")


def _wants_color(environ: Mapping[str, str], interactive: bool) -> bool:
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") != "0" or environ.get("CLICOLOR_FORCE", "0") != "0":
        return True
    return interactive and environ.get("CLICOLOR", "1") != "0"


def _can_encode(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
