"""Plain requests to the routes of a `Target` beside its API."""

from __future__ import annotations

from typing import Final

from ..wire.page import Page, page
from .target import Target

LOOK_SECONDS: Final = 5.0


def look(target: Target, path: str, *, method: str = "GET", seconds: float = LOOK_SECONDS) -> Page:
    """Asks for a route, from the server's root; blocks."""
    return page(target.address, target.prefix + path, method=method, seconds=seconds)


def models_path(target: Target) -> str:
    """Where the list of models is, from the root."""
    return target.url.rstrip("/").removeprefix(target.root) + "/models"
