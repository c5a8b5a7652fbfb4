"""`Channel`: one connection. The time of a read is noted before anything else is done with it."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import cast

from .exchange import Exchange


class Meter:
    """What all channels of one loop have read so far; another thread may look.

    Attributes:
        events: Server-sent events, as they came.
        bytes_read: Bytes.
        opened: Connections made.
    """

    __slots__ = ("bytes_read", "events", "opened")

    def __init__(self) -> None:
        self.events = 0
        self.bytes_read = 0
        self.opened = 0


class Channel(asyncio.Protocol):
    """A connection that carries one request at a time."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self.used = 0
        """Requests that it has carried."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self._meter.opened += 1

    def data_received(self, data: bytes) -> None:
        """Notes the time, then keeps the bytes."""
        now = perf_counter()
        exchange, meter = self._exchange, self._meter
        meter.bytes_read += len(data)
        if exchange is None:
            self.abort()  # Nobody asked.
            return
        meter.events += exchange.take(now, data).count(b"data:")
        if exchange.done.done():
            self._exchange = None

    def connection_lost(self, error: Exception | None) -> None:
        """Ends the request that is under way."""
        self._transport = None
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.last = perf_counter()
            reason = (error.strerror if isinstance(error, OSError) else None) or "closed by the server"
            exchange.close(f"the connection ended before the answer: {reason}")

    @property
    def is_open(self) -> bool:
        """Whether it can carry a request."""
        return self._transport is not None and not self._transport.is_closing() and self._exchange is None

    @property
    def flushed(self) -> bool:
        """Whether all that was written has left."""
        return self._transport is not None and self._transport.get_write_buffer_size() == 0

    def send(self, request: bytes) -> Exchange:
        """Writes a request; the connection must be open."""
        assert self._transport is not None
        assert self._exchange is None
        self.used += 1
        self._exchange = exchange = Exchange(asyncio.get_running_loop().create_future())
        exchange.sent = exchange.last = perf_counter()
        self._transport.write(request)
        return exchange

    def abort(self) -> None:
        """Ends the connection at once."""
        self._exchange = None
        if self._transport is not None:
            self._transport.abort()
