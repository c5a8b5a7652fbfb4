"""`Patience`: how often, and how long apart, something is tried again that failed for a passing reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from sgl.errors import DownloadError

T = TypeVar("T")

WAITS: Final = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try, while no byte arrives."""

LONGEST_WAIT: Final = 60.0
"""When the Hub names a longer time, the user is told it instead of made to wait."""

_PASSING_STATUS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class CutShort(DownloadError):
    """The connection ended well, but before the file did."""


class Patience:
    """Counts failures in a row; what works again starts the count anew."""

    def __init__(self, waits: Sequence[float] = WAITS) -> None:
        self._waits = waits
        self.failures = 0

    def reset(self) -> None:
        """Something arrived."""
        self.failures = 0

    def after(self, error: Exception) -> float | None:
        """Seconds to wait before the next try, or None to give up."""
        if not is_passing(error) or self.failures >= len(self._waits):
            return None
        wait = self._waits[self.failures]
        self.failures += 1
        named = named_wait(error)
        if named is None:
            return wait
        return None if named > LONGEST_WAIT else max(wait, named)


def ask(question: Callable[[], T], note: Callable[[str], None], waits: Sequence[float] = WAITS[:2]) -> T:
    """Returns the answer to a question, asked again while it fails for a passing reason.

    Args:
        question: What raises when it fails.
        note: Tells the user about a wait.
    """
    patience = Patience(waits)
    while True:
        try:
            return question()
        except Exception as error:
            wait = patience.after(error)
            if wait is None:
                raise
            note(f"{reason_of(error)}; trying again in {wait:.0f} s")
            time.sleep(wait)


def is_passing(error: Exception) -> bool:
    """Whether the same request may work a moment later."""
    if isinstance(error, CutShort):
        return True
    status = status_of(error)
    if status is not None:
        return status in _PASSING_STATUS
    return is_transport(error) and "CERTIFICATE" not in str(error).upper()


def is_transport(error: BaseException) -> bool:
    """Whether a connection could not be made or was cut.

    huggingface_hub 1 speaks through httpx, 2 through httpx2; the class has one name in both.
    """
    return any(kind.__name__ == "TransportError" for kind in type(error).__mro__)


def status_of(error: BaseException) -> int | None:
    """The HTTP status of a failed request, if it got that far."""
    status = getattr(_response(error), "status_code", None)
    return status if isinstance(status, int) else None


def named_wait(error: BaseException) -> float | None:
    """Seconds that the server asks to wait: ``Retry-After``, or the draft ``RateLimit: "api";r=0;t=55``."""
    headers = getattr(_response(error), "headers", None)
    if headers is None:
        return None
    text = str(headers.get("Retry-After", "")).strip()
    if text.isdigit():
        return float(text)
    parts = dict(part.strip().partition("=")[::2] for part in str(headers.get("RateLimit", "")).split(";"))
    return float(parts["t"]) if parts.get("r") == "0" and parts.get("t", "").isdigit() else None


def clock_after(seconds: float) -> str:
    """The time of day after some seconds, for people."""
    return datetime.fromtimestamp(time.time() + seconds).strftime("%H:%M:%S")


def reason_of(error: BaseException) -> str:
    """What went wrong, in one short line without addresses: a signed one is a secret."""
    status = status_of(error)
    if status is not None:
        phrase = getattr(_response(error), "reason_phrase", "")
        return f"The hub answers {status} {phrase}".rstrip()
    if isinstance(error, CutShort):
        return error.message
    if is_transport(error):
        kind = type(error).__name__
        if "Timeout" in kind:
            return "The hub does not answer in time"
        if kind != "ConnectError":
            return "The connection was cut"
        detail = (str(error).strip().splitlines() or [kind])[0]
        return f"The connection failed ({detail})"
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _response(error: BaseException) -> Any:
    return getattr(error, "response", None)
