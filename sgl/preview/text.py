"""A preview for people: the table of settings, then the memory plan."""

from __future__ import annotations

from typing import Final

from sgl.config.flag import GROUPS, START
from sgl.config.help import fill
from sgl.preview.build import Preview
from sgl.preview.plan_text import plan_lines
from sgl.preview.rows import DEFAULT, Row
from sgl.terminal import Terminal

_NARROWEST: Final = 60
_REASON: Final = " " * 6
_VALUE: Final = 18
"""Columns kept for a value; a longer one pushes its origin to the right or to the next line."""


def preview_text(preview: Preview, terminal: Terminal) -> str:
    """Returns the page, fitted to the terminal, without a closing line break."""
    width = max(_NARROWEST, min(terminal.columns, 100))
    left = 2 + max(len(row.flag) for row in preview.rows) + 2
    lines: list[str] = []
    for group in GROUPS:
        rows = [row for row in preview.rows if row.group == group and _matters(row)]
        if rows:
            lines += [*([""] if lines else []), terminal.style(f"{group}:", "bold")]
        for row in rows:
            lines += _row_lines(row, left, width, terminal)
    if preview.plan is not None:
        lines += ["", *plan_lines(preview.plan, terminal)]
    return terminal.fit("\n".join(lines))


def _matters(row: Row) -> bool:
    """What is about this one start is shown where somebody asked for it; that it is a dry run, everybody knows."""
    return row.group != START or (row.origin != DEFAULT and row.flag not in ("--dry-run", "--json"))


def _row_lines(row: Row, left: int, width: int, terminal: Terminal) -> list[str]:
    """``  --flag   value   origin``, and the reason below."""
    text = _printable(row.text)
    start = f"  {row.flag}".ljust(left) + text.ljust(_VALUE)
    if len(start) + 2 + len(row.origin) <= width:
        lines = [f"{start}  {_origin(row, terminal)}"]
    else:
        lines = [start.rstrip(), " " * (left + _VALUE) + "  " + _origin(row, terminal)]
    return [*lines, *(terminal.style(line, "dim") for line in fill(row.reason, _REASON, width))]


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)


def _origin(row: Row, terminal: Terminal) -> str:
    return terminal.style(_printable(row.origin), "dim" if row.origin == DEFAULT else "green")
