"""Pictures of the screen: made equal on every machine, read as text, and laid side by side."""

from __future__ import annotations

import html
import re
from typing import Final

from rich.cells import cell_len

_CELL: Final = 12.2
"""Width of a letter in an SVG of Rich's."""

_LINE: Final = 24.4
_FIRST: Final = 20.0
"""Where the first line stands, and how far the next is."""

_TEXT: Final = re.compile(r'<text[^>]*x="([\d.]+)"[^>]*y="([\d.]+)"[^>]*>(.*?)</text>')
_PORT: Final = re.compile(r"(127\.0\.0\.1:)\d{5}")
_FONTS: Final = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
_ID: Final = re.compile(r"terminal-\d+")


def stable_svg(svg: str) -> str:
    """The picture without what differs from run to run: ids, fonts on the web, the port of a test's server."""
    svg = _ID.sub("terminal", _FONTS.sub("", svg))
    return "\n".join(line.rstrip() for line in _PORT.sub(r"\g<1>30000", svg).splitlines()) + "\n"


def screen_text(svg: str) -> str:
    """What can be read in a picture, line by line."""
    rows: dict[int, list[tuple[float, str]]] = {}
    for found in _TEXT.finditer(svg):
        if "-title" not in found[0].partition(">")[0]:
            row = round((float(found[2]) - _FIRST) / _LINE)
            rows.setdefault(row, []).append((float(found[1]), html.unescape(found[3])))
    lines = []
    for row in range(max(rows, default=-1) + 1):
        line = ""
        for x, text in sorted(rows.get(row, [])):
            line += " " * (round(x / _CELL) - cell_len(line)) + text
        lines.append(line.replace("\xa0", " ").rstrip())
    return _PORT.sub(r"\g<1>30000", "\n".join(lines))


def side_by_side(expected: str, actual: str) -> str:
    """A page with two pictures."""
    return f"""<!doctype html>
<meta charset="utf-8">
<title>Expected and actual</title>
<style>body {{ display: flex; gap: 1em; font-family: sans-serif }} figure {{ flex: 1; margin: 0 }}
svg {{ width: 100%; height: auto }}</style>
<figure><figcaption>expected</figcaption>{expected}</figure>
<figure><figcaption>actual</figcaption>{actual}</figure>
"""
