"""One line of Markdown at a time: what begins, ends or continues with it, after the CommonMark specification 0.31."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TAB: Final = 4
_CODE_INDENT: Final = 4
_ITEM: Final = re.compile(r"([-+*]|\d{1,9}[.)])(?=[ \t]|$)")
_HEADING: Final = re.compile(r"#{1,6}(?=[ \t]|$)")
_FENCE: Final = re.compile(r"(`{3,}|~{3,})(.*)$")
_TAG: Final = re.compile(r"</?([a-z][a-z0-9]*)(?=[ \t>]|/>|$)", re.IGNORECASE)
_LONE_TAG: Final = re.compile(r"</?[a-z][a-z0-9-]*(?:[ \t/][^<>]*)?>[ \t]*$", re.IGNORECASE)
_RAW_TAGS: Final = frozenset({"pre", "script", "style", "textarea"})
_OPENINGS: Final = (("<!--", "-->"), ("<?", "?>"), ("<![CDATA[", "]]>"))
_BLOCK_TAG_NAMES: Final = """
    address article aside base basefont blockquote body caption center col colgroup dd details dialog dir div dl dt
    fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hr html iframe legend li link
    main menu menuitem nav noframes ol optgroup option p param search section summary table tbody td tfoot th thead
    title tr track ul
"""
_BLOCK_TAGS: Final = frozenset(_BLOCK_TAG_NAMES.split())
"""Tags that begin an HTML block of kind 6."""


@dataclass(frozen=True)
class Quote:
    """An open block quote."""

    def strip(self, line: str) -> str | None:
        """What is left of a line that continues the quote; None when it does not."""
        body = line.lstrip(" \t")
        if indent_of(line) >= _CODE_INDENT or not body.startswith(">"):
            return None
        return body[1:].removeprefix(" ")


@dataclass(frozen=True)
class Item:
    """An open list item, whose content begins at a column."""

    column: int

    def strip(self, line: str) -> str | None:
        """What is left of a line that continues the item; a blank one always does."""
        if is_blank(line):
            return ""
        return dedent(line, self.column) if indent_of(line) >= self.column else None


Container = Quote | Item


@dataclass(frozen=True)
class CodeFence:
    """An opening fence.

    Attributes:
        marks: The run of backticks or tildes.
        indent: Columns before it, which its code loses, too.
        language: First word of what follows the run.
    """

    marks: str
    indent: int
    language: str


def is_blank(line: str) -> bool:
    """Whether a line holds nothing but spaces and tabs."""
    return not line.strip(" \t")


def indent_of(line: str) -> int:
    """Columns of blank space before the text."""
    column = 0
    for letter in line:
        if letter == " ":
            column += 1
        elif letter == "\t":
            column += _TAB - column % _TAB
        else:
            break
    return column


def dedent(line: str, columns: int) -> str:
    """Takes away up to ``columns`` columns of blank space; a tab that straddles them leaves spaces."""
    column = 0
    for position, letter in enumerate(line):
        if column >= columns or letter not in " \t":
            return " " * (column - columns) + line[position:]
        column += 1 if letter == " " else _TAB - column % _TAB
    return " " * (column - columns)


def is_rule(line: str) -> bool:
    """A thematic break: three or more of ``-``, ``_`` or ``*``, with blanks between."""
    marks = line.replace(" ", "").replace("\t", "")
    return indent_of(line) < _CODE_INDENT and len(marks) >= 3 and marks[0] in "-_*" and set(marks) == {marks[0]}


def is_heading(line: str) -> bool:
    """A heading that begins with ``#``."""
    return indent_of(line) < _CODE_INDENT and _HEADING.match(line.lstrip(" ")) is not None


def is_underline(line: str) -> bool:
    """What makes a heading of the paragraph above it."""
    body = line.strip(" \t")
    return indent_of(line) < _CODE_INDENT and body != "" and set(body) in ({"="}, {"-"})


def open_quote(line: str) -> tuple[Quote, str] | None:
    """A block quote that begins with this line, and what is left of the line."""
    rest = Quote().strip(line)
    return None if rest is None else (Quote(), rest)


def open_item(line: str, *, in_paragraph: bool) -> tuple[Item, str] | None:
    """A list item that begins with this line, and what is left of the line.

    Args:
        line: The line.
        in_paragraph: It would break a paragraph, which only an item with text and the number 1 may do.
    """
    indent = indent_of(line)
    if indent >= _CODE_INDENT:
        return None
    body = line[len(line) - len(line.lstrip(" \t")) :]
    match = _ITEM.match(body)
    if match is None:
        return None
    marker, after = match.group(), body[match.end() :]
    if in_paragraph and (is_blank(after) or (len(marker) > 1 and int(marker[:-1]) != 1)):
        return None
    spaces = indent_of(after)
    if is_blank(after) or spaces > _CODE_INDENT:
        spaces = 1
    return Item(indent + len(marker) + spaces), dedent(after, spaces)


def code_fence(line: str) -> CodeFence | None:
    """The fence that opens with this line."""
    match = _FENCE.match(line.lstrip(" "))
    if match is None or indent_of(line) >= _CODE_INDENT:
        return None
    marks, info = match.groups()
    if marks[0] == "`" and "`" in info:
        return None  # Code inside a line of text.
    words = info.split()
    return CodeFence(marks, indent_of(line), words[0] if words else "")


def closes_fence(fence: CodeFence, line: str) -> bool:
    """Whether the line ends the fence: at least as many of the same marks, and nothing else."""
    body = line.strip(" \t")
    same = set(body) == {fence.marks[0]} and len(body) >= len(fence.marks)
    return same and indent_of(line) < _CODE_INDENT


def html_block_end(line: str, *, in_paragraph: bool) -> str | None:
    """What ends the HTML block that begins with this line, in lower case; empty for a blank line, None for no block.

    Args:
        line: The line.
        in_paragraph: It would break a paragraph, which a line with any single tag may not do.
    """
    body = line.lstrip(" ")
    if indent_of(line) >= _CODE_INDENT or not body.startswith("<"):
        return None
    for opening, ending in _OPENINGS:
        if body.startswith(opening):
            return ending.lower()
    if body[1:2] == "!" and body[2:3].isascii() and body[2:3].isalpha():
        return ">"
    match = _TAG.match(body)
    tag = match.group(1).lower() if match else ""
    if tag in _RAW_TAGS and body[1] != "/":
        return f"</{tag}>"
    alone = not in_paragraph and _LONE_TAG.match(body) is not None
    return "" if tag in _BLOCK_TAGS or alone else None


def begins_block(line: str) -> bool:
    """Whether a line that leaves its container begins something, and does not just go on with a paragraph."""
    return (
        is_rule(line)
        or is_heading(line)
        or code_fence(line) is not None
        or open_quote(line) is not None
        or open_item(line, in_paragraph=False) is not None
        or html_block_end(line, in_paragraph=True) is not None
    )
