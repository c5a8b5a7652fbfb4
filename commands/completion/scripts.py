"""Where the generated scripts are: beside this package when installed, in ``completions/`` in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .shells import SCRIPTS

CHECKOUT: Final = Path(__file__).resolve().parents[2] / "completions"
_INSTALLED: Final = Path(__file__).parent / "scripts"


def read_script(shell: str) -> str:
    """Returns the completion script of ``bash``, ``zsh`` or ``fish``."""
    folder = _INSTALLED if _INSTALLED.is_dir() else CHECKOUT
    return (folder / SCRIPTS[shell]).read_text(encoding="utf-8")
