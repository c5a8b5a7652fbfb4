"""How long starts took before, so that the next one of the same model can say when it will be ready.

One small file in the user's state folder. It is a convenience: where it cannot be read or written, nothing is known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from sgl.errors import StartupError
from sgl.runs.folder import PrivateFolder
from sgl.runs.places import state_path

FILE: Final = "starts.json"
KEPT: Final = 100
"""Models that are remembered, the latest."""


def expected_seconds(model: str, environ: Mapping[str, str]) -> float | None:
    """How long the last start of ``model`` took; None when there was none."""
    return _read(environ).get(model)


def remember(model: str, seconds: float, environ: Mapping[str, str]) -> None:
    """Notes how long a start of ``model`` took."""
    path = state_path(environ)
    if path is None:
        return
    known = _read(environ)
    known.pop(model, None)
    latest = dict([*known.items(), (model, round(seconds, 3))][-KEPT:])
    try:
        with PrivateFolder.open(path, create=True) as folder:
            folder.write(FILE, json.dumps(latest).encode())
    except (OSError, StartupError):
        return


def _read(environ: Mapping[str, str]) -> dict[str, float]:
    path = state_path(environ)
    if path is None:
        return {}
    try:
        with PrivateFolder.open(path) as folder:
            content = json.loads(folder.read(FILE))
    except (OSError, StartupError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {model: float(seconds) for model, seconds in content.items() if type(seconds) in (int, float)}
