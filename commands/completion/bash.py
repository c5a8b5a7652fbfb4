"""The script for bash: a template that walks the line, and what may stand where as two ``case`` tables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from ..tree import Node
from .spec import NO_VALUE, flags_of, other_names, places, shown_names, value_of

_MANY = 999  # More words than a line has.


def script(template: str, top: Node) -> str:
    """Fills the template in."""
    return template.replace("@PLACES@", "\n".join(_places(top))).replace("@VALUES@", "\n".join(_values(top)))


def _places(top: Node) -> Iterator[str]:
    for key, node in places(top):
        yield f"        '{key}')"
        yield from _assign("commands", (child.words[-1] for child in node.children))
        yield from _assign("flags", (name for flag in flags_of(node) for name in shown_names(flag)))
        yield from _assign("aliases", (name for flag in flags_of(node) for name in other_names(flag)))
        if node.arguments:
            operands = _MANY if node.arguments[-1].many else len(node.arguments)
            yield f"            operand='{value_of(node.arguments[0])}' operands={operands}"
        yield "            ;;"


def _assign(name: str, words: Iterator[str]) -> Iterator[str]:
    """An assignment of blank-separated words, in lines of a readable length."""
    lines = textwrap.wrap(" ".join(words), 100, break_on_hyphens=False)
    if lines:
        inner = "\n                ".join(lines)
        yield f"            {name}='{inner}'"


def _values(top: Node) -> Iterator[str]:
    for key, node in places(top):
        groups: dict[str, list[str]] = {}
        for flag in flags_of(node):
            if value_of(flag) != NO_VALUE:
                groups.setdefault(value_of(flag), []).extend(flag.names)
        if not groups:
            continue
        yield f"        '{key}')"
        yield "            case $2 in"
        for value, names in groups.items():
            patterns = textwrap.wrap(" | ".join(names), 96, break_on_hyphens=False)
            yield "                " + " \\\n                    ".join(patterns) + f") value='{value}' ;;"
        yield "            esac"
        yield "            ;;"
