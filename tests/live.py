"""The application on a real TCP port in a thread of this process, with a fake engine behind it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sgl.config.engine import EngineConfig
from sgl.config.server import ServerConfig
from sgl.runtime.client import EngineClient
from sgl.server.app import build_app
from sgl.server.http_server import HttpServer
from tests.fakes import FakeEngine
from tests.serving import MODEL, STORIES, stories_tokenizer


@dataclass
class Live:
    """A listening server.

    Attributes:
        port: Where, on 127.0.0.1.
        client: Lives in the server's thread: only look at its numbers.
        engine: The same.
    """

    port: int
    client: EngineClient
    engine: FakeEngine

    @property
    def url(self) -> str:
        """Base URL of the OpenAI API."""
        return f"http://127.0.0.1:{self.port}/v1"

    def connect(self, receive_buffer: int | None = None) -> socket.socket:
        """A raw connection with a timeout of five seconds."""
        connection = socket.socket()
        connection.settimeout(5)
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.connect(("127.0.0.1", self.port))
        return connection


@contextmanager
def live(make_engine: Callable[[], FakeEngine] = FakeEngine, **config: Any) -> Iterator[Live]:
    """Serves until the context ends; ``config`` are fields of `ServerConfig`."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    settings = ServerConfig(
        engine=EngineConfig(model_path=str(STORIES)),
        port=listener.getsockname()[1],
        served_model_name=(MODEL,),
        **config,
    )
    stories_tokenizer()
    started: list[Live] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        engine = make_engine()
        client = EngineClient(engine, engine.info, stories_tokenizer())
        server = HttpServer(settings, build_app(client, settings), flush_seconds=1)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await server.listening.wait()
        started.append(Live(settings.port, client, engine))
        ready.set()
        await stop.wait()
        await client.close()
        server.should_exit = True
        await serving

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="live-server")
    thread.start()
    try:
        assert ready.wait(30)
        yield started[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()
