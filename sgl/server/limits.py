"""Bounds on what one request may send: bytes and seconds, enforced while the body comes in."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sgl.errors import PayloadTooLarge
from sgl.server.errors import AmbiguousLength, BodyTimeout

BODY_SECONDS: Final = 30.0
"""Time a client has for sending its whole body."""
DISCARD_SECONDS: Final = 1.0
"""How long the rest of a body that is too large is still taken, and thrown away."""


class BodyLimit:
    """Refuses bodies over ``max_bytes`` (413) and bodies that take longer than ``seconds`` (408).

    A declared length is refused at once, a body without one as soon as it has grown too long. A body that
    says its length twice is refused: a proxy may believe the other one. What comes after the body (the
    disconnect) passes without a deadline.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = [value for name, value in scope["headers"] if name == b"content-length"]
        if declared and any(name == b"transfer-encoding" for name, _ in scope["headers"]):
            raise AmbiguousLength("Send a Content-Length or a Transfer-Encoding, not both.")
        # The HTTP parser lets only digits through; a length of 20 digits is too large whatever the limit.
        if declared and declared[0].isdigit() and int(declared[0][:20]) > self._max_bytes:
            if not any(name == b"expect" for name, _ in scope["headers"]):  # It waits for our word and sends nothing.
                await _discard(receive)
            raise self._too_large()
        await self._app(scope, self._bounded(receive), send)

    def _bounded(self, receive: Receive) -> Receive:
        ends_at = 0.0
        received = 0
        complete = False

        async def bounded() -> Message:
            nonlocal ends_at, received, complete
            if complete:
                return await receive()
            now = asyncio.get_running_loop().time()
            ends_at = ends_at or now + self._seconds
            try:
                message = await asyncio.wait_for(receive(), max(0.0, ends_at - now))
            except asyncio.TimeoutError:
                raise BodyTimeout(
                    f"The request body did not arrive within {self._seconds:g} seconds; send it faster."
                ) from None
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                if message.get("more_body", False):
                    await _discard(receive)
                raise self._too_large()
            complete = not message.get("more_body", False)
            return message

        return bounded

    def _too_large(self) -> PayloadTooLarge:
        return PayloadTooLarge(f"The request body is larger than {self._max_bytes} bytes; send less per request.")


async def _discard(receive: Receive) -> None:
    """Takes what a client is still sending, for a moment.

    Bytes that nobody has read make the kernel reset the connection when it is closed, and the answer may be lost with
    it (RFC 9112, section 9.6).
    """
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + DISCARD_SECONDS
    while (left := ends_at - loop.time()) > 0:
        try:
            message = await asyncio.wait_for(receive(), left)
        except asyncio.TimeoutError:
            return
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return
