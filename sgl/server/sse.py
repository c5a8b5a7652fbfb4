"""Server-sent events: framing, and the open half of a streamed response."""

from __future__ import annotations

import asyncio
import sys
from types import TracebackType
from typing import Final

import msgspec
from starlette.types import Send

from sgl.errors import SglError
from sgl.server.errors import ClientGone, error_body

DONE: Final = b"data: [DONE]\n\n"
"""The last event of every stream. No comments and no ``event:`` lines are ever sent: SGLang's own client
parses each line that is not empty as JSON."""

WRITE_SECONDS: Final = 30.0
"""How long one write may wait for the reader before the stream is given up."""

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


def data_event(payload: object) -> bytes:
    """One event carrying ``payload`` as JSON."""
    return b"data: %b\n\n" % msgspec.json.encode(payload)


def error_event(error: SglError) -> bytes:
    """One event that tells of ``error`` after the headers are out."""
    return data_event(error_body(error))


class EventStream:
    """Writes the body of one streamed response. The headers go out on entry, `finish` ends the body.

    Leaving without `finish` makes the server close the connection. The context ends with `ClientGone` when
    the client takes nothing for ``patience`` seconds while a write waits.
    """

    def __init__(self, send: Send, patience: float = WRITE_SECONDS) -> None:
        self._send = send
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[object] | None = None
        self._given_up = False
        self._writing_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> EventStream:
        self._task = asyncio.current_task()
        self._watch_after(self._patience)
        await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._given_up and self._task is not None:
            if sys.version_info >= (3, 11):
                self._task.uncancel()
            raise ClientGone from error

    async def write(self, events: bytes) -> None:
        """Sends whole events; waits while the connection is full."""
        self._writing_since = self._loop.time()
        await self._send({"type": "http.response.body", "body": events, "more_body": True})
        self._writing_since = None

    async def finish(self, events: bytes = b"") -> None:
        """Sends the last ``events`` and the end of the stream."""
        self._writing_since = self._loop.time()
        await self._send({"type": "http.response.body", "body": events + DONE, "more_body": False})
        self._writing_since = None

    def _watch_after(self, seconds: float) -> None:
        # One timer per stream that looks at a note, rather than one timer per write: a write costs nothing.
        self._timer = self._loop.call_later(seconds, self._watch)

    def _watch(self) -> None:
        waited = 0.0 if self._writing_since is None else self._loop.time() - self._writing_since
        if waited >= self._patience and self._task is not None:
            self._given_up = True
            self._task.cancel()
        else:
            self._watch_after(self._patience - waited)
