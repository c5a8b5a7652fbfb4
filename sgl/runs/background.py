"""What a ``serve -d`` hands to the process it starts: the server's name and where its log is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, NamedTuple

VARIABLE: Final = "_SGL_BACKGROUND"
"""Between the two processes only; not one of the ``SGL_*`` variables that people set."""


class Background(NamedTuple):
    """Name and log file of a server in the background."""

    id: str
    log: str

    def to_environ(self) -> dict[str, str]:
        """The variable that carries it."""
        return {VARIABLE: json.dumps(self._asdict())}


def background(environ: Mapping[str, str]) -> Background | None:
    """What this process was told by the ``serve -d`` that started it; None in the foreground."""
    text = environ.get(VARIABLE)
    if text is None:
        return None
    try:
        given = Background(**json.loads(text))
    except (ValueError, TypeError):
        return None  # Somebody else's variable.
    return given if isinstance(given.id, str) and given.id.isalnum() and isinstance(given.log, str) else None
