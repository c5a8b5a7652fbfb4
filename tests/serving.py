"""The real application over the real client over a fake engine, in this process."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from sgl.config.engine import EngineConfig
from sgl.config.server import ServerConfig
from sgl.runtime.client import EngineClient
from sgl.server.app import build_app
from sgl.tokenizer.load import Tokenizer
from tests.asgi import Answer, Connection, Headers, call
from tests.fakes import FakeEngine

STORIES = Path(
    os.environ.get("SGL_TEST_MODEL") or Path(__file__).resolve().parents[2] / "shared" / "models" / "stories260k"
)
MODEL = "stories260k"
CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"


@cache
def stories_tokenizer() -> Tokenizer:
    """The tokenizer of the tiny model."""
    return Tokenizer.load(STORIES)


@dataclass
class Serving:
    """A running application.

    Attributes:
        client: The client the routes talk to.
        engine: What stands behind it.
    """

    app: ASGIApp
    client: EngineClient
    engine: FakeEngine

    async def post(self, path: str, body: object, headers: Headers | None = None) -> Answer:
        """Posts JSON."""
        return await call(self.app, "POST", path, json_body=body, headers=headers)

    async def chat(self, text: str = "Once upon a time", **fields: Any) -> Answer:
        """Asks for a chat completion with one user message."""
        messages = [{"role": "user", "content": text}]
        return await self.post(CHAT, {"model": MODEL, "messages": messages, "max_tokens": 8, **fields})

    async def complete(self, prompt: object = "Once upon a time", **fields: Any) -> Answer:
        """Asks for a completion."""
        return await self.post(COMPLETIONS, {"model": MODEL, "prompt": prompt, "max_tokens": 8, **fields})

    def open(self, path: str, body: object) -> Connection:
        """Begins a request whose connection the test plays with."""
        connection = Connection(self.app, "POST", path, [("content-type", "application/json")])
        connection.feed(json.dumps(body).encode())
        connection.start()
        return connection


@asynccontextmanager
async def serving(engine: FakeEngine | None = None, **config: Any) -> AsyncIterator[Serving]:
    """Builds the application; ``config`` are fields of `ServerConfig`."""
    engine = engine or FakeEngine()
    client = EngineClient(engine, engine.info, stories_tokenizer())
    settings = ServerConfig(
        engine=EngineConfig(model_path=str(STORIES)), served_model_name=(MODEL, "second-name"), **config
    )
    try:
        yield Serving(build_app(client, settings), client, engine)
    finally:
        await client.close()
