"""The script for fish: a ``complete`` line for each flag and argument, on the condition of its place."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from ..tree import Node, Parameter
from .spec import ASKED, NO_VALUE, brief, flags_of, other_names, places, shown_names, value_of


def script(template: str, top: Node) -> str:
    """Fills the template in."""
    keys = " ".join(_quote(key) for key, _ in places(top) if key)
    return (
        template.replace("@VALUES@", "\n".join(_values(top)))
        .replace("@PLACES@", keys)
        .replace("@LINES@", "\n".join(_lines(top)))
    )


def _values(top: Node) -> Iterator[str]:
    for key, node in places(top):
        names = [name for flag in flags_of(node) if value_of(flag) != NO_VALUE for name in flag.names]
        if names:
            lines = textwrap.wrap(" ".join(names), 96, break_on_hyphens=False)
            yield f"        case {_quote(key)}"
            yield "            contains -- $argv[2] " + " \\\n                ".join(lines)


def _lines(top: Node) -> Iterator[str]:
    for key, node in places(top):
        for child in node.children:
            yield f"complete -c sgl -n {_at(key, 1)} -a {child.words[-1]} -d {_quote(brief(child.summary))}"
        for argument in node.arguments:
            count = 999 if argument.many else len(node.arguments)
            yield f"complete -c sgl -n {_at(key, count)} {_offer(argument)}"
        for flag in flags_of(node):
            yield _flag(flag, shown_names(flag), _quote(f"__sgl_at {_quote(key)}"))
        yield from _others(key, node)


def _others(key: str, node: Node) -> Iterator[str]:
    """The other spellings; short ones are always offered, as fish shows them beside the long one."""
    ours = " ".join(name for flag in flags_of(node) for name in shown_names(flag))
    condition = _quote(f"__sgl_at_other {_quote(key)} {ours}")
    for flag in flags_of(node):
        if other_names(flag):
            yield _flag(flag, other_names(flag), condition)


def _flag(flag: Parameter, names: tuple[str, ...], condition: str) -> str:
    spelled = " ".join(_spelled(name) for name in names)
    value = f" {_offer(flag)}" if flag.metavar else ""
    return f"complete -c sgl -n {condition} {spelled}{value} -d {_quote(brief(flag.help))}"


def _spelled(name: str) -> str:
    if name.startswith("--"):
        return f"-l {name[2:]}"
    return f"-s {name[1:]}" if len(name) == 2 else f"-o {name[1:]}"


def _offer(parameter: Parameter) -> str:
    """The options of ``complete`` for a value."""
    value = value_of(parameter)
    if value.startswith("="):
        return f"-x -a {_quote(value[1:])}"
    if value == "file":
        return "-r -F"
    if value == "folder":
        return "-x -a '(__fish_complete_directories (commandline -ct))'"
    if value == "model":
        return "-x -a '(__sgl_model)'"
    return f"-x -a '(__sgl_ask {value})'" if value in ASKED else "-x"


def _at(key: str, words: int) -> str:
    return _quote(f"__sgl_at {_quote(key)} {words}")


def _quote(text: str) -> str:
    """A word of fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
