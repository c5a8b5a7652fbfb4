"""The shells that completion is made for, and which of them somebody uses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from sgl.errors import UsageError, echo

SHELLS: Final = ("bash", "zsh", "fish")
SCRIPTS: Final = {"bash": "sgl.bash", "zsh": "_sgl", "fish": "sgl.fish"}
"""File names under which the shells look for the completion of ``sgl``."""


def find_shell(name: str | None, environ: Mapping[str, str]) -> str:
    """Returns the shell that was named, or the one in ``$SHELL``.

    Raises:
        UsageError: It is another one, or nobody knows which.
    """
    choices = ", ".join(SHELLS)
    if name is None:
        name = os.path.basename(environ.get("SHELL", ""))
        if name not in SHELLS:
            seen = f"$SHELL is {echo(name)}" if name else "$SHELL is not set"
            raise UsageError(f"which shell? {seen}", hint=f"name one of {choices}")
    if name not in SHELLS:
        near = get_close_matches(name.lower(), SHELLS, n=1)
        hint = f"did you mean {near[0]}?" if near else None
        raise UsageError(f"there is completion for {choices}, not for {echo(name)}", hint=hint)
    return name
