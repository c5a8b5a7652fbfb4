"""The environment of a Python process that runs a module of ours: it imports the same ``sgl``, and only that."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Mapping
from pathlib import Path


def python_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ``, with the ``sgl`` of this process importable and the working folder out of the way."""
    child = dict(environ)
    root = Path(__file__).resolve().parents[2]
    if root not in {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")}:
        earlier = environ.get("PYTHONPATH")
        child["PYTHONPATH"] = f"{root}{os.pathsep}{earlier}" if earlier else str(root)
    # A module lying in the folder where the process was started must not stand in for one of ours.
    child["PYTHONSAFEPATH"] = "1"
    return child
