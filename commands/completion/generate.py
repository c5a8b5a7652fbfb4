"""The three scripts as text, made from the commands and the templates beside this file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ..tree import Node
from . import bash, fish, zsh
from .shells import SCRIPTS
from .spec import root

TEMPLATES: Final = Path(__file__).parent / "templates"
_WRITERS: Final[dict[str, Callable[[str, Node], str]]] = {"bash": bash.script, "zsh": zsh.script, "fish": fish.script}


def scripts(nodes: Sequence[Node]) -> dict[str, str]:
    """The text of every script by its file name."""
    top = root(nodes)
    return {
        SCRIPTS[shell]: write((TEMPLATES / SCRIPTS[shell]).read_text(encoding="utf-8"), top)
        for shell, write in _WRITERS.items()
    }
