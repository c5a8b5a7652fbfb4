"""Colours of a help page, on a terminal that wants them; elsewhere the page stays as it is, byte for byte."""

from __future__ import annotations

from typing import TextIO

from sgl.terminal import Terminal


def paint(page: str, stream: TextIO) -> str:
    """Makes headings bold and the first column of lists cyan, where ``stream`` shows colours."""
    terminal = Terminal(stream)
    if not terminal.color:
        return page
    return "\n".join(_line(line, terminal) for line in page.split("\n"))


def _line(line: str, terminal: Terminal) -> str:
    if line.startswith("usage: "):
        return terminal.style("usage:", "bold") + line[len("usage:") :]
    if line[:1].isalpha() and line.endswith(":"):
        return terminal.style(line, "bold")
    if line.startswith("  ") and not line.startswith("   "):
        name, gap, text = line[2:].partition("  ")
        return "  " + terminal.style(name, "cyan") + gap + text
    return line
