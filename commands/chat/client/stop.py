"""`Stop`: ends an answer from another thread, at once, even while the server says nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

Trace = Callable[[str, Mapping[str, Any]], None]
"""What httpx calls with the steps of a connection: its request extension ``trace``."""

_CONNECTED: Final = ".connect_tcp.complete"


class Stop:
    """A switch that goes on once: set it from any thread, give it to any number of requests.

    A thread that waits for a server sits in a system call, which only the end of its connection ends. So this
    keeps a second handle to each connection and shuts it down: the reader wakes, and the server sees that its
    client has gone. The one thing that it cannot cut short is the making of a connection.
    """

    def __init__(self) -> None:
        self._set = False
        self._lock = threading.RLock()  # Reentrant: a signal handler may call `set` inside `set`.
        self._handles: list[socket.socket] = []

    @property
    def is_set(self) -> bool:
        """Whether it was set."""
        return self._set

    def set(self) -> None:
        """Ends the requests that have it, and those that will; harmless when they have ended."""
        with self._lock:
            self._set = True
            for handle in self._handles:
                _shut(handle)

    @contextmanager
    def tracing(self) -> Iterator[Trace]:
        """Gives the ``trace`` of one request and watches the connections that it makes until the context ends."""
        mine: list[socket.socket] = []

        def trace(step: str, info: Mapping[str, Any]) -> None:
            if step.endswith(_CONNECTED):
                mine.append(self._watch(info["return_value"].get_extra_info("socket")))

        try:
            yield trace
        finally:
            with self._lock:
                for handle in mine:
                    self._handles.remove(handle)
                    handle.close()

    def _watch(self, connection: socket.socket) -> socket.socket:
        # The handle is taken before TLS begins and stays good after: both are one connection of the kernel's.
        handle = connection.dup()
        with self._lock:
            self._handles.append(handle)
            if self._set:
                _shut(handle)
        return handle


def _shut(handle: socket.socket) -> None:
    with suppress(OSError):  # The other side was faster.
        handle.shutdown(socket.SHUT_RDWR)
