"""`Wire`: the connections to one server. Each carries one request at a time and is used again after it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from ..record import Failure
from .address import Address
from .channel import Channel, Meter
from .exchange import Exchange

_LOOK_SECONDS: Final = 0.25
_OURS: Final = {
    errno.EMFILE: "this client may open no more files (ulimit -n)",
    errno.ENFILE: "this machine may open no more files",
    errno.EADDRNOTAVAIL: "this client has no free port left (net.ipv4.ip_local_port_range)",
}
"""Errors of a connection that say nothing about the server."""


@dataclass(frozen=True)
class Limits:
    """How long to wait, in seconds.

    Attributes:
        connect: For a connection.
        request: For a whole answer.
        gap: For the next bytes of it.
    """

    connect: float = 10.0
    request: float = 1800.0
    gap: float = 600.0


class Wire:
    """Sends requests to one server; see `connected`."""

    def __init__(self, address: Address, limits: Limits, meter: Meter, reuse: bool) -> None:
        self._address = address
        self._limits = limits
        self._reuse = reuse
        self._idle: deque[Channel] = deque()
        self._busy: dict[Exchange, Channel] = {}
        self._tls: ssl.SSLContext | None = None
        self._hosts: list[str] = []
        self.meter = meter

    async def ask(self, request: bytes, begun: Callable[[Exchange], None] = lambda exchange: None) -> Exchange:
        """Sends one request and waits for the end of its answer, whatever that is: nothing is raised but a cancel.

        Args:
            request: All of its bytes.
            begun: Told of the exchange when the request was written; again when it had to be sent once more.
        """
        while True:
            channel = self._idle_channel()
            if channel is None:
                attempt = perf_counter()
                opened = await self._open()
                if isinstance(opened, Failure):
                    return _never_sent(attempt, opened)
                channel = opened
            again = channel.used > 0
            exchange = channel.send(request)
            self._busy[exchange] = channel
            begun(exchange)
            try:
                await exchange.done
            finally:
                del self._busy[exchange]
                if not exchange.whole:
                    channel.abort()
            # A server may close a connection that rests; who writes to it just then has sent nothing.
            if again and not exchange.answered and exchange.failure is not None and exchange.failure.kind == "cut":
                continue
            if self._reuse and exchange.whole and exchange.head is not None and exchange.head.keeps and channel.flushed:
                self._idle.append(channel)
            else:
                channel.abort()
            return exchange

    def _idle_channel(self) -> Channel | None:
        while self._idle:
            channel = self._idle.pop()
            if channel.is_open:
                return channel
        return None

    async def _open(self) -> Channel | Failure:
        message = "there is no such host"
        try:
            if not self._hosts:
                await self._resolve()
        except OSError as error:
            return Failure("connect", 0, _words(error))
        for host in tuple(self._hosts):
            try:
                channel = await self._connect(host)
            except OSError as error:
                message = _OURS.get(error.errno or 0) or _words(error)
                continue
            if channel is not None:
                self._hosts = [host]  # Of a name's addresses, the one that answers.
                return channel
            message = f"no connection within {self._limits.connect:g} s"
        return Failure("connect", 0, message)

    async def _connect(self, host: str) -> Channel | None:
        """A connection; None when it took too long."""
        name = self._address.host if self._tls is not None else None
        connecting = asyncio.ensure_future(
            asyncio.get_running_loop().create_connection(
                lambda: Channel(self.meter), host, self._address.port, ssl=self._tls, server_hostname=name
            )
        )
        # Not `wait_for`: before Python 3.12 it loses a cancel that comes together with the result.
        try:
            await asyncio.wait([connecting], timeout=self._limits.connect)
        except asyncio.CancelledError:
            _give_up(connecting)
            raise
        if connecting.done():
            return connecting.result()[1]
        _give_up(connecting)
        return None

    async def _resolve(self) -> None:
        found = await asyncio.get_running_loop().getaddrinfo(self._address.host, self._address.port, type=1)
        self._hosts = list(dict.fromkeys(str(entry[4][0]) for entry in found))

    async def _watch(self) -> None:
        """Ends requests that take too long: one look at all of them costs less than a timer for each."""
        limits = self._limits
        pause = min(_LOOK_SECONDS, limits.request / 4, limits.gap / 4)
        while True:
            await asyncio.sleep(pause)
            now = perf_counter()
            for exchange in tuple(self._busy):
                if now - exchange.sent > limits.request:
                    exchange.fail(Failure("timeout", 0, f"no complete answer within {limits.request:g} s"))
                elif now - exchange.last > limits.gap:
                    exchange.fail(Failure("timeout", 0, f"nothing came for {limits.gap:g} s"))

    def _close(self) -> None:
        for channel in (*self._idle, *self._busy.values()):
            channel.abort()
        self._idle.clear()


@asynccontextmanager
async def connected(
    address: Address, limits: Limits | None = None, *, meter: Meter | None = None, reuse: bool = True
) -> AsyncIterator[Wire]:
    """Gives a `Wire`; its connections are closed at the end.

    Args:
        address: The server.
        limits: How long to wait.
        meter: Counts what is read.
        reuse: Whether a connection carries more than one request.
    """
    wire = Wire(address, limits or Limits(), meter or Meter(), reuse)
    if address.tls:
        wire._tls = ssl.create_default_context()
    with contextlib.suppress(OSError):  # It will be said of every request.
        await wire._resolve()
    watch = asyncio.ensure_future(wire._watch())
    try:
        yield wire
    finally:
        watch.cancel()
        wire._close()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
        await asyncio.sleep(0)  # Aborted transports call back once more.


def _give_up(connecting: asyncio.Future[tuple[asyncio.Transport, Channel]]) -> None:
    def close(ended: asyncio.Future[tuple[asyncio.Transport, Channel]]) -> None:
        if not ended.cancelled() and ended.exception() is None:
            ended.result()[1].abort()

    connecting.cancel()
    connecting.add_done_callback(close)


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"TLS: {getattr(error, 'verify_message', '') or error.reason or 'it failed'}"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return " ".join(str(error.strerror or error).split()) or "no connection"


def _never_sent(attempt: float, failure: Failure) -> Exchange:
    exchange = Exchange(asyncio.get_running_loop().create_future())
    exchange.sent, exchange.last = attempt, perf_counter()
    exchange.fail(failure)
    return exchange
