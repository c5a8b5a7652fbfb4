"""What one streamed chunk costs this process, from the update to the server's ``send``."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from sgl.protocol.openai import read_chat
from sgl.runtime.client import FinishReason, Update
from sgl.server.boundary import ErrorBoundary
from sgl.server.chat import ChatAnswer
from sgl.server.chunks import Identity
from sgl.server.requestid import RequestId
from sgl.server.respond import respond
from sgl.server.watch import Deadlines
from tests.asgi import Connection
from tests.serving import stories_tokenizer

CHUNKS = 5000
MICROSECONDS = 60.0


class Torrent:
    """A generation that is never waited for."""

    first_token_at = 0.0
    prompt_tokens, cached_tokens, completion_tokens = 5, 0, 1

    def __init__(self) -> None:
        self._left = CHUNKS

    def __aiter__(self) -> Torrent:
        return self

    async def __anext__(self) -> Update:
        if self._left == 0:
            raise StopAsyncIteration
        self._left -= 1
        return Update(" word", [300], [], None if self._left else FinishReason("length"))

    def abort(self) -> None:
        """Nothing runs."""


class Endpoint:
    """Streams a torrent."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True, **self._fields}
        request = read_chat(body)
        generations: Any = [Torrent()]
        answer = ChatAnswer(Identity.fresh("chatcmpl", "m", "fp"), request, generations, stories_tokenizer())
        await respond(
            scope, receive, send, generations, answer, stream=True, deadlines=Deadlines(queue=60, request=600)
        )


class Counting(Connection):
    """Counts writes instead of keeping them."""

    writes = 0

    async def _send(self, message: Message) -> None:
        self.writes += 1


@pytest.mark.parametrize(
    "fields", [{}, {"stream_options": {"include_usage": True, "continuous_usage_stats": True}}], ids=["plain", "usage"]
)
async def test_a_chunk_costs_less_than_60_microseconds(fields: dict[str, Any]) -> None:
    middleware = [Middleware(RequestId), Middleware(ErrorBoundary)]
    app = Starlette(routes=[Route("/", Endpoint(**fields), methods=["POST"])], middleware=middleware)
    connection = Counting(app, "POST", "/", [])
    began = time.process_time()
    await asyncio.wait_for(connection.start(), 60)
    assert (time.process_time() - began) / CHUNKS < MICROSECONDS / 1e6
    assert connection.writes >= CHUNKS
