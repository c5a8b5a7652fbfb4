"""Drives an ASGI application by hand: whole requests, and connections that misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message

Headers = list[tuple[str, str]]


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def events(self) -> list[Any]:
        """The body as server-sent events: decoded JSON, or "[DONE]"."""
        return parse_events(self.body)


def parse_events(body: bytes) -> list[Any]:
    """Splits a stream into its events; anything but ``data: ...`` and blank lines is an error."""
    assert body.endswith(b"\n\n"), body[-80:]
    events = []
    for block in body.decode("utf-8")[:-2].split("\n\n"):
        assert block.startswith("data: "), block
        assert "\n" not in block, block
        data = block.removeprefix("data: ")
        events.append(data if data == "[DONE]" else json.loads(data))
    return events


@dataclass
class Connection:
    """One request whose two directions a test holds in its hands.

    Attributes:
        sent: Every message the application sent, in order.
        blocked: While set, the application's writes wait: a reader that does not read.
    """

    app: ASGIApp
    method: str
    path: str
    headers: Headers
    sent: list[Message] = field(default_factory=list)
    blocked: bool = False
    _incoming: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def feed(self, body: bytes, *, more: bool = False) -> None:
        """The client sends a piece of its body."""
        self._incoming.put_nowait({"type": "http.request", "body": body, "more_body": more})

    def disconnect(self) -> None:
        """The client goes away."""
        self._incoming.put_nowait({"type": "http.disconnect"})

    def start(self) -> asyncio.Task[None]:
        """Lets the application begin."""
        path, _, query = self.path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": query.encode(),
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers],
            "client": ("127.0.0.1", 12345),
            "server": ("127.0.0.1", 30000),
        }
        self._task = asyncio.get_running_loop().create_task(self.app(scope, self._receive, self._send))  # type: ignore[arg-type]
        return self._task

    async def until_sent(self, count: int) -> None:
        """Waits until the application has sent ``count`` messages."""
        while len(self.sent) < count:
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), 5)

    async def ended(self) -> None:
        """Waits until the application returns."""
        assert self._task is not None
        await asyncio.wait_for(asyncio.shield(self._task), 10)

    @property
    def answer(self) -> Answer:
        """What was sent so far."""
        start, *bodies = self.sent
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], headers, b"".join(message.get("body", b"") for message in bodies))

    async def _receive(self) -> Message:
        return await self._incoming.get()

    async def _send(self, message: Message) -> None:
        while self.blocked:
            await asyncio.sleep(0.005)
        self.sent.append(message)
        self._news.set()


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Waits for ``condition``; fails when it takes too long."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    while not condition():
        assert loop.time() < ends_at, "this took too long"
        await asyncio.sleep(0.001)


async def call(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    json_body: object = None,
    body: bytes | None = None,
    headers: Headers | None = None,
) -> Answer:
    """One whole request; ``json_body`` is sent with its content type, ``body`` with ``headers`` only."""
    if body is None and json_body is not None:
        body = json.dumps(json_body).encode("utf-8", "surrogatepass")
        headers = [("content-type", "application/json"), *(headers or [])]
    connection = Connection(app, method, path, headers or [])
    connection.feed(body or b"")
    connection.start()
    await connection.ended()
    return connection.answer
