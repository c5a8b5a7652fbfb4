"""`Transport`: what `sgl.runtime.client.EngineClient` needs of the line to an engine."""

from __future__ import annotations

from typing import Protocol

from sgl.protocol.messages import FromEngine, ToEngine


class Transport(Protocol):
    """A line to one engine: in order, nothing lost, nothing twice.

    `sgl.runtime.launch` offers one over ZeroMQ to a child process; tests put a fake engine behind it.
    """

    def send(self, body: ToEngine) -> None:
        """Hands one message over without waiting.

        Raises:
            EngineDead: Nobody is at the other end.
        """
        ...

    async def recv(self) -> FromEngine:
        """The next message; waits for it. Everything that arrived before a death is delivered first.

        Raises:
            EngineDead: The engine is gone, or the line broke and can no longer be trusted.
        """
        ...

    async def close(self) -> None:
        """Ends the engine behind the line and gives everything back; harmless when called twice."""
        ...
