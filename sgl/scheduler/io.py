"""`Io`: how the scheduler hears and speaks. It is an argument of the scheduler, so tests script it.

`sgl.ipc.sockets.EngineEnd` is the one that talks to a server process; `ListIO` is the one for tests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from sgl.protocol.messages import FromEngine, Stop, ToEngine


class Io(Protocol):
    """The scheduler's side of the line to its client."""

    def recv(self, timeout: float | None = 0.0) -> list[ToEngine]:
        """Everything that has arrived since the last call, in order.

        Args:
            timeout: Seconds to wait for a first message: 0 looks and returns at once, None waits until
                there is one. A busy scheduler passes 0, an idle one None, which costs no CPU time.
        """
        ...

    def send(self, body: FromEngine) -> None:
        """Sends one message."""
        ...


class ListIO:
    """A scripted line: what is to arrive goes in as batches, what is sent is kept in ``sent``.

    Each `recv` hands out one batch. When a caller would wait for ever and nothing is left, it gets a
    `Stop`: the script is over.
    """

    def __init__(self, batches: Iterable[Iterable[ToEngine]] = ()) -> None:
        self.sent: list[FromEngine] = []
        self._batches = deque(list(batch) for batch in batches)

    def push(self, *bodies: ToEngine) -> None:
        """Adds one batch, to arrive together after those that are there."""
        self._batches.append(list(bodies))

    def recv(self, timeout: float | None = 0.0) -> list[ToEngine]:
        """The next batch; empty when there is none, or `Stop` when the caller would wait for ever."""
        if self._batches:
            return self._batches.popleft()
        return [Stop()] if timeout is None else []

    def send(self, body: FromEngine) -> None:
        """Keeps the message."""
        self.sent.append(body)
