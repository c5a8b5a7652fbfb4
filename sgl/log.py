"""Logging of a process that sgl owns: plain lines on stderr, each with the time and the process's role.

A line never holds a raw control character: text from outside cannot forge a line or drive a terminal.
Only entry points of processes call `configure`; a program that uses `sgl` as a library keeps its own
logging. Modules log through ``logging.getLogger(__name__)``.
"""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Final, Literal, TextIO, get_args

Level = Literal["debug", "info", "warning", "error"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_CONTROL: Final = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""C0, DEL, C1, the Unicode line separators, and the bidirectional overrides that reorder a shown line."""

_ESCAPES: Final = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _CONTROL}


def escape(text: str) -> str:
    """Returns ``text`` with every control character written out as ``\\xNN`` or ``\\uNNNN``."""
    return text.translate(_ESCAPES)


class LineFormatter(logging.Formatter):
    """``2026-11-25 16:40:01.123 [http] warning sgl.server.run: message``; a traceback follows, indented."""

    default_msec_format = "%s.%03d"

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Renders the line without its traceback, which `logging.Formatter.format` appends."""
        stamp = self.formatTime(record)
        return f"{stamp} [{self._role}] {record.levelname.lower()} {record.name}: {escape(record.message)}"

    def formatException(self, ei: ExceptionInfo) -> str:
        """Indents the traceback: an exception's message may hold a client's text, line breaks included."""
        lines = super().formatException(ei).split("\n")
        return "\n".join("    " + escape(line) for line in lines)


def configure(role: str, level: str = "info", stream: TextIO | None = None) -> None:
    """Sends every logger of this process to ``stream`` (stderr), replacing earlier handlers.

    Args:
        role: What this process is, e.g. ``http`` or ``engine``; stands in every line.
        level: One of `LEVELS`. Other packages' loggers are kept at warning unless it is ``debug``.
        stream: Where lines go.
    """
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}, not {level!r}")
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(LineFormatter(role))
    root = logging.getLogger()
    for earlier in root.handlers[:]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    own = getattr(logging, level.upper())
    root.setLevel(own if level == "debug" else max(own, logging.WARNING))
    logging.getLogger("sgl").setLevel(own)
