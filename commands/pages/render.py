"""A help page from a command's flags and arguments: plain ASCII, 80 columns, in the manner of ``sgl serve --help``."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Final

from ..tree import HELP_FLAG, Node, Parameter

WIDTH: Final = 80
_COLUMN: Final = 26
"""Where descriptions begin, at most; a longer flag stands on a line of its own."""


def render(node: Node) -> str:
    """Returns the page, without a closing line break."""
    lines = [*_fill(usage(node), "usage: ", " " * len("usage: ")), "", *_fill(node.summary)]
    if node.text:
        lines += ["", *paragraphs(node.text)]
    if node.children:
        lines += _section("Commands", ((child.words[-1], child.summary) for child in node.children))
    if node.arguments:
        lines += _section("Arguments", ((each.names[0], describe(each)) for each in node.arguments))
    for group in dict.fromkeys(flag.group for flag in node.flags if flag.group):
        lines += _section(group, ((spelled(flag), describe(flag)) for flag in node.flags if flag.group == group))
    lines += _section(
        "Flags",
        [
            *((spelled(flag), describe(flag)) for flag in node.flags if not flag.group),
            (", ".join(HELP_FLAG), "Print this page."),
        ],
    )
    return "\n".join(lines)


def usage(node: Node) -> str:
    """How a command is called: ``sgl models rm [flags] REPOSITORY...``."""
    words = [node.program]
    if node.children:
        words.append("[COMMAND]" if node.runs_alone else "COMMAND")
    words.append("[flags]")
    for argument in node.arguments:
        name = argument.names[0] + ("..." if argument.many else "")
        words.append(name if argument.required else f"[{name}]")
    return " ".join(words)


def spelled(flag: Parameter) -> str:
    """A flag as the page shows it: ``-n, --lines N``."""
    short = [name for name in flag.names if not name.startswith("--")]
    long = [name for name in flag.names if name.startswith("--")]
    return f"{', '.join([*short, *long])} {flag.metavar}".rstrip()


def describe(parameter: Parameter) -> str:
    """Its help, the variable that stands for it, and its default in brackets."""
    text = parameter.help
    if parameter.choices and not parameter.metavar.count("|"):
        text += f" One of {', '.join(parameter.choices)}."
    if parameter.variable:
        text += f" Also the variable {parameter.variable}."
    if parameter.default:
        text += f" [{parameter.default}]"
    return text.strip()


def paragraphs(text: str) -> list[str]:
    """Breaks paragraphs into lines; indented lines stay as they are."""
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        raw = paragraph.split("\n")
        if raw[0] == "\b":  # Click's mark for a paragraph that is not to be rewrapped.
            block = raw[1:]
        elif any(line.startswith("  ") for line in raw):
            block = raw
        else:
            block = _fill(paragraph)
        lines += ["", *block] if lines else block
    return lines


def _section(title: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    """A heading and its entries in two columns."""
    entries = list(rows)
    column = max((len(name) + 4 for name, _ in entries if len(name) + 4 <= _COLUMN), default=6)
    lines = ["", f"{title}:"]
    for name, text in entries:
        described = _fill(text, " " * column, " " * column)
        if len(name) + 4 > column:
            lines += [f"  {name}", *described]
        elif described:
            lines += [f"  {name}".ljust(column) + described[0][column:], *described[1:]]
        else:
            lines.append(f"  {name}")
    return lines


def _fill(text: str, first: str = "", others: str = "") -> list[str]:
    """Breaks ``text`` at blanks into lines of at most ``WIDTH`` columns; words are never cut."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=others, break_long_words=False, break_on_hyphens=False
    )
