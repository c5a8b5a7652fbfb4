"""What a folder lacks of a model that can be served."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from sgl.hub.selection import INDEX, SINGLE


def missing_files(folder: Path, *, weights: bool = True) -> tuple[str, ...]:
    """The files that a model folder lacks: config.json, and the weight files as its index names them.

    Args:
        weights: Whether weight files count.
    """
    lacking = [] if (folder / "config.json").is_file() else ["config.json"]
    if weights:
        names = indexed_weights(folder)
        if names is not None:
            lacking += [name for name in names if not (folder / name).is_file()]
        elif not any(name.endswith(".safetensors") for name in os.listdir(folder)):
            lacking.append(SINGLE)
    return tuple(lacking)


def indexed_weights(folder: Path) -> tuple[str, ...] | None:
    """The weight files that a folder's index names; None without an index that can be read."""
    try:
        content = (folder / INDEX).read_bytes()
    except OSError:
        return None
    return parse_index(content)


def parse_index(content: bytes) -> tuple[str, ...] | None:
    """The weight files that the text of an index names, in order; None when it is not an index.

    A damaged index is not reported here: the loader does that, with the reason.
    """
    try:
        document: Any = json.loads(content)
    except (ValueError, RecursionError):
        return None
    mapping = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(mapping, dict) or not mapping:
        return None
    names = set(mapping.values())
    return tuple(sorted(names)) if all(isinstance(name, str) for name in names) else None
