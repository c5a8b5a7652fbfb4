"""One client connection: uvicorn's HTTP/1.1 protocol with deadlines, a cap, and our error objects."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, ClassVar, Final, Literal

import h11
import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.server import ServerState

from sgl.errors import RequestError, SglError, Unavailable
from sgl.server.auth import PUBLIC_PATHS
from sgl.server.errors import error_body, error_response

Owed = Literal["headers", "body"] | None

MAX_HEADER_BYTES: Final = 32 * 1024
"""Longest request line and headers together."""
KEEP_ALIVE_SECONDS: Final = 75
"""How long a connection may rest between two requests."""


class MalformedRequest(RequestError):
    """The bytes are not HTTP/1.1 as we take it."""

    code = "malformed_request"


class HeadersTooLarge(RequestError):
    """Request line and headers are over `MAX_HEADER_BYTES`."""

    http_status = 431
    code = "headers_too_large"


class HeadersTimeout(RequestError):
    """The headers did not arrive in time."""

    http_status = 408
    code = "headers_timeout"


class TooManyConnections(Unavailable):
    """The server has as many connections as it may have."""

    code = "too_many_connections"


class Connection(H11Protocol):
    """A connection whose client cannot keep it by doing nothing.

    * Headers must be complete within ``header_seconds``: of the connection's start, or of their first byte.
    * A body must be complete within ``body_seconds``. The application answers slow bodies itself, earlier;
      this catches the bodies that it does not read.
    * What was written must be taken within ``write_seconds``.
    * Beyond uvicorn's ``limit_concurrency`` connections, all but the probes get 503.
    """

    header_seconds: ClassVar[float] = 10.0
    body_seconds: ClassVar[float] = 40.0
    write_seconds: ClassVar[float] = 40.0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # uvicorn's own answer to too many connections is plain text: `connection_made` takes its place.
        self._max_connections = self.limit_concurrency
        self.limit_concurrency = None
        self._owed: Owed = None
        self._read_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    # -- what the transport tells ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in H11Protocol
        super().connection_made(transport)
        if self._max_connections is not None and len(self.connections) > self._max_connections:
            self.app = _Overloaded(self.app)
        self._watch_reads()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        _cancel(self._read_timer)
        _cancel(self._write_timer)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_reads()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._abort_later()

    def resume_writing(self) -> None:
        super().resume_writing()
        _cancel(self._write_timer)

    # -- what uvicorn calls ------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_reads()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        # Closing waits until the client has taken everything, which it may never do.
        self._abort_later()

    def send_400_response(self, msg: str) -> None:
        """Answers bytes that are not HTTP; called while the parser's error is being handled."""
        error = sys.exc_info()[1]
        if isinstance(error, h11.RemoteProtocolError) and error.error_status_hint == 431:
            self._refuse(HeadersTooLarge(f"Request line and headers are larger than {MAX_HEADER_BYTES} bytes."))
        else:
            self._refuse(MalformedRequest("The request is not well-formed HTTP/1.1."))

    # -- deadlines ---------------------------------------------------------------------------------

    def _owes(self) -> Owed:
        """What the client has to send next. Between two requests it owes nothing: uvicorn's own timer runs."""
        if self.conn.their_state is h11.SEND_BODY:
            return "body"
        begun = self.cycle is None or bool(self.conn.trailing_data[0])
        return "headers" if self.conn.their_state is h11.IDLE and begun else None

    def _watch_reads(self) -> None:
        """Keeps one timer for what is owed now; more bytes of the same thing do not prolong it."""
        owed = None if self.transport.is_closing() else self._owes()
        if owed == self._owed:
            return
        self._owed = owed
        _cancel(self._read_timer)
        if owed is not None:
            seconds = self.header_seconds if owed == "headers" else self.body_seconds
            self._read_timer = self.loop.call_later(seconds, self._give_up, owed)

    def _give_up(self, owed: Owed) -> None:
        if self.transport.is_closing():
            return
        if owed == "headers" and self.conn.trailing_data[0]:
            self._refuse(HeadersTimeout(f"The headers did not arrive within {self.header_seconds:g} seconds."))
        else:
            self.transport.close()
        self._abort_later()

    def _abort_later(self) -> None:
        _cancel(self._write_timer)
        self._write_timer = self.loop.call_later(self.write_seconds, self.transport.abort)

    # -- refusals ----------------------------------------------------------------------------------

    def _refuse(self, error: SglError) -> None:
        """Answers without the application, if an answer can still be begun, and closes."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = msgspec.json.encode(error_body(error))
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            status = error.http_status
            for event in (
                h11.Response(status_code=status, headers=headers, reason=STATUS_PHRASES[status]),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class _Overloaded:
    """The application of a connection beyond the cap: the probes are answered, all else gets 503."""

    def __init__(self, app: object) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in PUBLIC_PATHS:
            app: ASGIApp = self._app  # type: ignore[assignment]
            await app(scope, receive, send)
            return
        response = error_response(TooManyConnections("This server has all the connections it may have; try again."))
        response.headers["connection"] = "close"
        await response(scope, receive, send)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
