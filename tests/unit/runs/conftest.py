"""A registry of its own for every test of `sgl.runs`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh $XDG_RUNTIME_DIR and, beside it, $XDG_STATE_HOME."""
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
            base = Path(folder) / name
            base.mkdir(mode=0o700)
            monkeypatch.setenv(name, str(base))
        yield Path(folder) / "XDG_RUNTIME_DIR"
