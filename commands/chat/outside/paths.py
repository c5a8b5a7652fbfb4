"""Completes a path that is being typed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from heapq import nsmallest
from typing import Final

MOST: Final = 50
"""What a menu can show; more would only slow the typing."""


def complete_path(text: str, environ: Mapping[str, str] = os.environ) -> list[str]:
    """What the text may become, with what was typed as its beginning; sorted, at most 50, folders end in ``/``.

    Hidden files come when the name begins with a dot. Names that a line of text cannot hold are left out, and a folder
    that cannot be read has nothing to offer: this never raises.
    """
    if text == "~":
        return ["~/"]
    head, slash, name = text.rpartition("/")
    typed = head + slash
    found = [text + "/"] if name in (".", "..") else []
    try:
        folder = _folder(typed, environ)
        with os.scandir(folder) as entries:
            fitting = (entry.name for entry in entries if _fits(entry.name, name))
            names = nsmallest(MOST, fitting)
    except (OSError, ValueError):
        return found
    found += [f"{typed}{each}/" if os.path.isdir(os.path.join(folder, each)) else f"{typed}{each}" for each in names]
    return sorted(found)[:MOST]


def _folder(typed: str, environ: Mapping[str, str]) -> str:
    if typed.startswith("~/"):
        return environ.get("HOME", "~") + typed[1:]
    return os.path.expanduser(typed) or "."


def _fits(entry: str, name: str) -> bool:
    return entry.startswith(name) and (name.startswith(".") or not entry.startswith(".")) and entry.isprintable()
