"""Help pages: rendered from the Typer apps ahead of time, so that printing one imports nothing.

A page is a text file beside this one, ``models-rm.txt`` for ``sgl models rm``; ``python -m sgl_cli.generate``
writes them, and a test holds them equal to the parsers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..table import Command

FOLDER: Final = Path(__file__).parent


def page_file(words: Sequence[str], folder: Path = FOLDER) -> Path:
    """Where the page of a command is: ``("models", "rm")`` -> ``models-rm.txt``."""
    return folder / f"{'-'.join(words)}.txt"


def read_page(command: Command, words: Sequence[str], folder: Path = FOLDER) -> str:
    """Returns the help of ``command``, or of the sub-command that ``words`` go on to.

    A page that is not there, of a command that is being written, is rendered from its Typer app.

    Args:
        command: The row of the table.
        words: What follows the command's name; other words than names of sub-commands are passed over.
        folder: Where the pages are.
    """
    path = [command.name]
    for word in words:
        if _is_name(word) and page_file([*path, word], folder).is_file():
            path.append(word)
    try:
        return page_file(path, folder).read_text(encoding="utf-8").rstrip("\n")
    except FileNotFoundError:
        return _rendered(command, words)


def _is_name(word: str) -> bool:
    """Whether a word may be a sub-command's: no flag, and nothing that leads to another folder."""
    return not word.startswith("-") and word.replace("-", "_").isidentifier()


def _rendered(command: Command, words: Sequence[str]) -> str:
    from ..tree import read_command  # With Typer: slow, and needed without a page only.
    from .render import render

    node = read_command(command)
    for word in words:
        node = next((child for child in node.children if child.words[-1] == word), node)
    return render(node)
