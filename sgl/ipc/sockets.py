"""The two ends of the line between a server and one engine: PUSH and PULL sockets over ``ipc://``.

The server binds both sockets, so that sending to an engine that is gone fails at once; a connecting
socket would queue for a peer that never comes. Each end numbers what it sends and checks what it gets
(`sgl.ipc.codec`). `ServerEnd` lives in an event loop, `EngineEnd` in the engine's own thread.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

import zmq

from sgl.errors import EngineDead
from sgl.ipc.codec import MAX_FRAME_BYTES, FrameGap, Inbound, Outbound, decode_from_engine, decode_to_engine
from sgl.ipc.directory import FROM_ENGINE, TO_ENGINE, address
from sgl.protocol.messages import FromEngine, FromEngineFrame, ToEngine, ToEngineFrame

HIGH_WATER_MARK: Final = 16384
"""Frames that may wait on one side; an engine sends one per step, a server few per request."""

SEND_TIMEOUT_MS: Final = 60_000
"""How long an engine waits for a server that has stopped reading before it gives up."""

FAREWELL_MS: Final = 1000
"""How long the last words of an engine may take to leave it."""


class ServerEnd:
    """The server's end. Satisfies the sending and receiving half of `sgl.runtime.transport.Transport`."""

    def __init__(self, directory: Path, epoch: int) -> None:
        """Binds both sockets in ``directory``."""
        self.inbound: Inbound[FromEngine] = Inbound(epoch, decode_from_engine)
        self._outbound: Outbound[ToEngine] = Outbound(epoch, ToEngineFrame)
        self._context = zmq.Context()
        self._push = _socket(self._context, zmq.PUSH)
        self._pull = _socket(self._context, zmq.PULL)
        self._push.bind(address(directory, TO_ENGINE))
        self._pull.bind(address(directory, FROM_ENGINE))
        self._death: EngineDead | None = None
        self._readable: asyncio.Future[None] | None = None

    def send(self, body: ToEngine) -> None:
        """Sends without waiting.

        Raises:
            EngineDead: Nobody is connected, or the engine has not read for very long.
        """
        if self._death is not None:
            raise EngineDead(self._death.message)
        try:
            self._push.send(self._outbound.pack(body), zmq.NOBLOCK)
        except zmq.Again as error:
            raise EngineDead("The engine takes no messages.") from error

    async def recv(self) -> FromEngine:
        """The next message; what arrived before a `hang_up` comes first.

        Raises:
            EngineDead: After a `hang_up`, or when a frame was lost.
        """
        while True:
            try:
                body = self.inbound.accept(self._pull.recv(zmq.NOBLOCK))
            except zmq.Again:
                if self._death is not None:
                    raise EngineDead(self._death.message) from None
                await self._wait_readable()
            except FrameGap as gap:
                self.hang_up(EngineDead(f"The line to the engine broke: {gap}."))
                raise EngineDead(f"The line to the engine broke: {gap}.") from gap
            else:
                if body is not None:
                    return body

    def hang_up(self, death: EngineDead) -> None:
        """The engine is gone: `send` fails from now on, `recv` once it has delivered what arrived."""
        if self._death is None:
            self._death = death
        self._wake()

    def close(self) -> None:
        """Closes both sockets and drops what was not sent; harmless when called twice."""
        self.hang_up(EngineDead("The line to the engine is closed."))
        self._context.destroy(linger=0)

    async def _wait_readable(self) -> None:
        """Waits until ZeroMQ's descriptor says there may be news.

        The descriptor stays readable until a `recv` came back empty-handed, which it has just done, so no
        news is slept over; and it is watched only here, so news that nobody waits for costs nothing.
        """
        loop = asyncio.get_running_loop()
        self._readable = loop.create_future()
        descriptor = self._pull.fileno()
        loop.add_reader(descriptor, self._wake)
        try:
            await self._readable
        finally:
            loop.remove_reader(descriptor)
            self._readable = None

    def _wake(self) -> None:
        if self._readable is not None and not self._readable.done():
            self._readable.set_result(None)


class EngineEnd:
    """The engine's end; blocks. Satisfies `sgl.scheduler.io.Io`."""

    def __init__(self, directory: Path, epoch: int) -> None:
        """Connects to the sockets a `ServerEnd` has bound in ``directory``."""
        self.inbound: Inbound[ToEngine] = Inbound(epoch, decode_to_engine)
        self._outbound: Outbound[FromEngine] = Outbound(epoch, FromEngineFrame)
        self._context = zmq.Context()
        self._pull = _socket(self._context, zmq.PULL)
        self._push = _socket(self._context, zmq.PUSH)
        self._push.setsockopt(zmq.SNDTIMEO, SEND_TIMEOUT_MS)
        self._pull.connect(address(directory, TO_ENGINE))
        self._push.connect(address(directory, FROM_ENGINE))

    def recv(self, timeout: float | None = 0.0) -> list[ToEngine]:
        """Everything that has arrived, in order.

        Args:
            timeout: Seconds to wait for the first message; None waits for ever, 0 not at all. Waiting
                costs no CPU time.

        Raises:
            FrameGap: A frame was lost; the server will be told by the end of this process.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            bodies = self._take_all()
            if bodies or timeout == 0.0:
                return bodies
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not self._pull.poll(None if left is None else int(left * 1000)) and left is not None:
                return []

    def send(self, body: FromEngine) -> None:
        """Sends; waits while the server is more than `HIGH_WATER_MARK` frames behind.

        Raises:
            EngineDead: The server has not read for a minute.
        """
        try:
            self._push.send(self._outbound.pack(body))
        except zmq.Again as error:
            raise EngineDead(f"the server has not read for {SEND_TIMEOUT_MS // 1000} s") from error

    def close(self) -> None:
        """Lets the last message leave, then closes both sockets."""
        self._push.close(linger=FAREWELL_MS)
        self._pull.close(linger=0)
        self._context.term()

    def _take_all(self) -> list[ToEngine]:
        bodies: list[ToEngine] = []
        while True:
            try:
                data = self._pull.recv(zmq.NOBLOCK)
            except zmq.Again:
                return bodies
            body = self.inbound.accept(data)
            if body is not None:
                bodies.append(body)


def _socket(context: zmq.Context[zmq.Socket[bytes]], kind: int) -> zmq.Socket[bytes]:
    socket = context.socket(kind)
    socket.setsockopt(zmq.SNDHWM, HIGH_WATER_MARK)
    socket.setsockopt(zmq.RCVHWM, HIGH_WATER_MARK)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
    return socket
