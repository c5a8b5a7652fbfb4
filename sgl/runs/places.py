"""Where records and logs of servers are, by the XDG base directory specification."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sgl.ipc.directory import runtime_base


def registry_path(environ: Mapping[str, str]) -> Path:
    """The folder of records: ``$XDG_RUNTIME_DIR/sgl``, or ``sgl-UID`` in the temporary folder."""
    base = runtime_base(environ)
    return base / ("sgl" if str(base) == environ.get("XDG_RUNTIME_DIR") else f"sgl-{os.geteuid()}")


def logs_path(environ: Mapping[str, str]) -> Path:
    """The folder of logs: ``$XDG_STATE_HOME/sgl/logs``, ``~/.local/state/sgl/logs``, or beside the records.

    The last is for a user without a home that can be written to, as in many containers.
    """
    state = state_path(environ)
    return registry_path(environ) / "logs" if state is None else state / "logs"


def state_path(environ: Mapping[str, str]) -> Path | None:
    """The folder of what outlives a server: ``$XDG_STATE_HOME/sgl``; None when there is no place for it."""
    home = environ.get("XDG_STATE_HOME")
    if home and os.path.isabs(home):
        base = Path(home)
    else:
        home = environ.get("HOME")
        if not home or not os.path.isabs(home):
            return None
        base = Path(home) / ".local" / "state"
    existing = base
    while not existing.exists():
        existing = existing.parent
    return base / "sgl" if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK) else None
