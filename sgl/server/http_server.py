"""`HttpServer`: uvicorn, set up for long streams and hostile clients, in the hands of `sgl.server.run`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from sgl.config.server import ServerConfig
from sgl.server.connection import KEEP_ALIVE_SECONDS, MAX_HEADER_BYTES, Connection

FLUSH_SECONDS: Final = 5
"""How long answers that are complete may take to reach their clients at the end."""


class HttpServer(uvicorn.Server):
    """Serves one application on sockets that are bound already. Signals are somebody else's business.

    Attributes:
        listening: Set once connections are taken.
    """

    def __init__(self, config: ServerConfig, app: ASGIApp, *, flush_seconds: int = FLUSH_SECONDS) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=config.max_connections,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=flush_seconds,
                h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            )
        )
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to take connections."""
        await super().startup(sockets)
        self.listening.set()
