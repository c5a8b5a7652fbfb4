"""Empties a server's prefix cache, so that a run does not find what another has left."""

from __future__ import annotations

from typing import Final

from ...chat.client.failures import error_text
from ..wire.page import fetch
from ..wire.wire import Wire
from .pages import look
from .target import Target

FLUSH_SECONDS: Final = 60.0
_PATHS: Final = (f"/flush_cache?timeout={FLUSH_SECONDS:g}", "/reset_prefix_cache")
"""Ours and SGLang's, then vLLM's."""


def flush_cache(target: Target) -> str:
    """Empties it and waits until that is done; returns "" or why it could not be done, on one line."""
    said = ""
    for path in _PATHS:
        answer = look(target, path, method="POST", seconds=FLUSH_SECONDS + 5)
        if answer.status == 200:
            return ""
        if answer.status not in (404, 405):
            return f"the cache was not flushed: {error_text(answer.text.encode()) or answer.status}"
        said = "the server has no route that flushes its cache"
    return said


async def flush(target: Target, wire: Wire) -> str:
    """The same on a connection that is there."""
    for path in _PATHS:
        answer = await fetch(wire, target.address.request("POST", target.prefix + path))
        if answer.status == 200:
            return ""
        if answer.status not in (404, 405):
            return f"the cache was not flushed: {error_text(answer.text.encode()) or answer.status}"
    return "the server has no route that flushes its cache"
