"""Waits until a server answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sgl.errors import SglError

from ...chat.client.failures import error_text
from .pages import look, models_path
from .target import Target

PAUSE_SECONDS: Final = 0.5
_UNUSABLE: Final = (401, 403)


class NeverReady(SglError):
    """The server did not answer in time."""

    exit_code = 5


def wait_until_ready(target: Target, seconds: float, report: Callable[[float], None] = lambda waited: None) -> None:
    """Returns when the list of models is there, or when the server says that it has none.

    Args:
        target: The server.
        seconds: How long to wait; 0 asks once.
        report: Told how long it has waited, after each try.

    Raises:
        NeverReady: It did not answer, or refuses the key.
    """
    began = time.monotonic()
    while True:
        answer = look(target, models_path(target))
        if answer.status in (200, 404, 405, 501):
            return
        said = (error_text(answer.text.encode()) or f"HTTP {answer.status}") if answer.status else answer.text
        if answer.status in _UNUSABLE:
            hint = "give its key with --api-key KEY or in SGL_API_KEY"
            raise NeverReady(f"{target.url} refuses the key: {said}", hint=hint)
        waited = time.monotonic() - began
        report(waited)
        if waited >= seconds:
            hint = "'sgl ps' lists servers; 'sgl serve -d' starts one"
            raise NeverReady(f"{target.url} was not ready within {seconds:g} s: {said}", hint=hint)
        time.sleep(min(PAUSE_SECONDS, seconds - waited))
