"""The entry point of ``sgl``: answers what needs no command at once, and hands the rest to Typer.

Only the standard library is imported here, so that ``sgl --help`` takes no longer than Python itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

from sgl._version import __version__
from sgl.errors import UsageError, echo
from sgl.exits import run
from sgl.terminal import tolerate

from .mistakes import doubled, unknown_command
from .overview import overview
from .table import COMMANDS, Command

COMPLETE: Final = "__complete"
"""The hidden command by which completion scripts ask for names that only Python can know."""

_HELP: Final = ("-h", "--help")
_INSTALLERS: Final = ("--install-completion", "--uninstall-completion")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs ``sgl`` with the words after its name (those of the process by default); returns the exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    open_closed_streams()
    tolerate(sys.stdout, sys.stderr)
    return run(lambda: _dispatch(words))


def open_closed_streams() -> None:
    """Opens streams that the caller closed (``>&-``) on nothing, or the next file would take the number of one."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 (as long as the process)


def _dispatch(words: list[str]) -> int:
    first, rest = (words[0], words[1:]) if words else ("--help", [])
    if first == COMPLETE:
        from .completion.words import complete  # Only completion needs it.

        return complete(rest, os.environ)
    if first in _HELP:
        return _show(overview())
    if first in ("-V", "--version"):
        return _version(rest)
    if first == "help":
        return _help(rest)
    if first.partition("=")[0] in _INSTALLERS:
        from .completion.install import main as install  # Only installing needs it.

        return install(words, os.environ)
    command = _find(words)
    twice = doubled(first, rest)
    if twice is not None:
        raise twice
    page = command.load_page()(rest, f"sgl {first}") if command.page else None
    if page is not None:
        return _show(page)
    if not command.page and _asks_for_help(rest):
        return _show(_page(command, rest))
    from .invoke import invoke  # With Typer: takes 0.1 s, which only a command that really runs has to pay.

    return invoke(command, rest)


def _find(words: list[str]) -> Command:
    for command in COMMANDS:
        if command.name == words[0]:
            return command
    raise unknown_command(words)


def _help(words: list[str]) -> int:
    """``sgl help``, ``sgl help COMMAND ...``: what ``--help`` would say."""
    if not words or words[0] in _HELP:
        return _show(overview())
    command = _find(words)
    return _dispatch([command.name, "--help", *words[1:]])


def _version(words: list[str]) -> int:
    if words == ["--json"]:
        from .version import versions  # Reads the metadata of packages, which takes 0.1 s.

        print(versions())
        return 0
    if words:
        raise UsageError(f"--version takes --json and nothing else, got {echo(words[0])}")
    print(f"sgl {__version__}")
    return 0


def _asks_for_help(words: list[str]) -> bool:
    """Whether ``-h`` or ``--help`` is among the words before a ``--``."""
    before = words[: words.index("--")] if "--" in words else words
    return any(word in _HELP for word in before)


def _page(command: Command, words: list[str]) -> str:
    from .pages import read_page  # Only help needs it.

    return read_page(command, words)


def _show(page: str) -> int:
    from .paint import paint  # Only help needs it.

    print(paint(page, sys.stdout))
    return 0
