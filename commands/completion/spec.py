"""What the scripts of all shells are made of: places on a command line, and what may stand there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ..bench.offered import bench_words
from ..tree import HELP_FLAG, Node, Parameter, serve_parameters, walk
from .shells import SHELLS

ASKED: Final = ("model", "cached", "server", "profile", "port")
"""Values that a script asks ``sgl __complete`` for (`sgl_cli.completion.words`)."""

FILES: Final = ("file", "folder")
"""Values that shells know by themselves."""

NO_VALUE: Final = ""
ANY_VALUE: Final = "any"

_LISTED: Final = {"host": ("127.0.0.1", "0.0.0.0", "localhost", "::1"), "shell": SHELLS, **bench_words()}
_HELP: Final = Parameter(HELP_FLAG, "", "Print the help of the command.")


def root(nodes: Sequence[Node]) -> Node:
    """The line ``sgl`` itself, with every command below it."""
    flags = (
        Parameter(("-V", "--version"), "", "Print the version."),
        Parameter(("--install-completion",), "SHELL", "Set up the Tab key in a shell.", choices=SHELLS),
        Parameter(("--uninstall-completion",), "SHELL", "Take it out again.", choices=SHELLS),
    )
    names = tuple(node.words[0] for node in nodes)
    command = Parameter(("COMMAND",), "COMMAND", "The command.", choices=names)
    help_node = Node(("help",), "Print the help of a command.", "", (command,), ())
    return Node((), "Serve large language models.", "", (), flags, (*nodes, help_node), runs_alone=True)


def places(top: Node) -> Iterator[tuple[str, Node]]:
    """Every command with its key, the words after ``sgl``: ``""``, ``"models"``, ``"models rm"``."""
    for node in walk([top]):
        yield " ".join(node.words), node


def flags_of(node: Node) -> tuple[Parameter, ...]:
    """The flags that a line may have, with the one for help; a command's own win over those of ``sgl serve``."""
    others = (*(serve_parameters() if node.takes_serve_flags else ()), _HELP)
    known = {name for flag in node.flags for name in flag.names}
    left = (flag._replace(names=tuple(name for name in flag.names if name not in known)) for flag in others)
    return (*node.flags, *(flag for flag in left if flag.names))


def value_of(parameter: Parameter) -> str:
    """What a value may be: nothing, ``=`` and the words there are, a kind of word, or ``any``."""
    if not parameter.metavar:
        return NO_VALUE
    words = parameter.choices or _LISTED.get(parameter.offers, ())
    if words:
        return "=" + " ".join(words)
    return parameter.offers if parameter.offers in (*ASKED, *FILES) else ANY_VALUE


def shown_names(flag: Parameter) -> tuple[str, ...]:
    """The spellings to offer: ours, and the opposite of a switch such as ``--color/--no-color``."""
    opposites = (name for name in flag.names if name.startswith("--no-") and f"--{name[5:]}" in flag.names)
    return tuple(dict.fromkeys((flag.name, *opposites)))


def other_names(flag: Parameter) -> tuple[str, ...]:
    """The other spellings: understood, and offered where none of ours fits."""
    return tuple(name for name in flag.names if name not in shown_names(flag))


def brief(text: str, limit: int = 60) -> str:
    """The first sentence of a description, for the list that a shell shows."""
    sentence = text.split(". ")[0].rstrip(".")
    return sentence if len(sentence) <= limit else sentence[: sentence.rindex(" ", 0, limit)].rstrip(",;:") + "..."
