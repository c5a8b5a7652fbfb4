"""The command with which transformers writes a file of an older format anew."""

from __future__ import annotations

import json
import shlex
from pathlib import Path


def convert(kind: str, folder: Path) -> str:
    """A command to copy.

    Args:
        kind: A class of transformers, e.g. ``AutoTokenizer``.
        folder: What is read, and written to.
    """
    path = json.dumps(str(folder))
    program = f"from transformers import {kind} as A; A.from_pretrained({path}).save_pretrained({path})"
    return f"python -c {shlex.quote(program)}"
