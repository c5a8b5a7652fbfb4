"""The entry point of ``sgl``: answers what needs no command at once, and hands the rest to Typer.

Only the standard library is imported here, so that ``sgl --help`` takes no longer than Python itself.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches

from sgl._version import __version__
from sgl.errors import UsageError, echo
from sgl.exits import run

from .table import COMMANDS, PLANNED, Command


def main(argv: Sequence[str] | None = None) -> int:
    """Runs ``sgl`` with the words after its name (those of the process by default); returns the exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    return run(lambda: _dispatch(words))


def overview() -> str:
    """The text of ``sgl --help``, without a closing line break."""
    width = max(len(command.name) for command in COMMANDS)
    return "\n".join(
        [
            "usage: sgl COMMAND ...",
            "",
            "Serve large language models.",
            "",
            "Commands:",
            *(f"  {command.name:<{width}}  {command.summary}" for command in COMMANDS),
            "",
            "Flags:",
            "  -h, --help  Print this page; sgl COMMAND --help says more.",
            "  --version   Print the version.",
            "",
            "For example:",
            "  sgl serve -m Qwen/Qwen3-0.6B",
        ]
    )


def _dispatch(words: list[str]) -> int:
    first = words[0] if words else "--help"
    if first in ("-h", "--help"):
        print(overview())
        return 0
    if first in ("-V", "--version"):
        print(f"sgl {__version__}")
        return 0
    command = _find(first)
    if words[1:] in (["-h"], ["--help"]):
        print(command.load_page()(f"sgl {first}"))
        return 0
    return _call(command, words[1:])


def _call(command: Command, words: list[str]) -> int:
    """Runs a command's Typer app on ``words``; its exceptions come through."""
    from typer.main import get_command  # Takes 0.1 s, which only a command that really runs has to pay.

    program = f"sgl {command.name}"
    code = get_command(command.load_app()).main(args=words, prog_name=program, standalone_mode=False)
    return int(code or 0)


def _find(name: str) -> Command:
    """Returns the row of a command, or says what was probably meant."""
    for command in COMMANDS:
        if command.name == name:
            return command
    names = [command.name for command in COMMANDS]
    if name in PLANNED:
        raise UsageError(f"'sgl {name}' is not in this version yet", hint=f"this version has: {', '.join(names)}")
    if name.startswith("-"):
        raise UsageError(f"unknown flag {echo(name)}", hint="flags of a command follow its name: sgl serve -m ...")
    near = get_close_matches(name.lower(), [*names, *PLANNED], n=1)
    hint = f"did you mean 'sgl {near[0]}'?" if near else f"this version has: {', '.join(names)}"
    raise UsageError(f"unknown command {echo(name)}", hint=hint)
