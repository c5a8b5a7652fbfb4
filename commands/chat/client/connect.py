"""A connection for a front end that waits for it: in the main thread, its progress on standard error."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from .wish import Wish

if TYPE_CHECKING:
    from .http import ChatClient

__all__ = ["Wish", "connected", "ending_by_exception"]


@contextmanager
def connected(wish: Wish, environ: Mapping[str, str] = os.environ) -> Iterator[tuple[ChatClient, str]]:
    """Gives a client and the name to ask for; see `Connector.connect` for where it looks.

    A person at a terminal sees the steps of a start. A server that was started here is stopped at the end, unless it
    is to be kept; also when this process is told to end, which only the main thread can arrange: call it there.

    Raises:
        ChatError: There is no server, it is still starting, or it cannot be reached.
        UsageError: An address is none, or the server leaves it open which model is meant.
    """
    # Imported here: listing and exporting chats needs no connection.
    from .connector import Connector
    from .start_display import StartDisplay

    with ending_by_exception(), closing(Connector(wish, environ, patient=False)) as connector:
        with StartDisplay(sys.stderr) as display:
            found = connector.connect(display.show)
        yield found.client, found.model


@contextmanager
def ending_by_exception() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP leave through ``finally`` clauses, as Ctrl-C does."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    numbers = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
