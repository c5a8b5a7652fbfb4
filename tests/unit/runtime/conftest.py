from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from sgl.runtime.client import EngineClient
from sgl.tokenizer.load import Tokenizer
from tests.fakes import FakeEngine


class Connect(Protocol):
    """Puts the real client in front of a fake engine."""

    def __call__(self, engine: FakeEngine) -> AbstractAsyncContextManager[EngineClient]: ...


@pytest.fixture(scope="session")
def tokenizer(stories260k: Path) -> Tokenizer:
    return Tokenizer.load(stories260k)


@pytest.fixture
def connect(tokenizer: Tokenizer) -> Connect:
    @asynccontextmanager
    async def open_client(engine: FakeEngine) -> AsyncIterator[EngineClient]:
        client = EngineClient(engine, engine.info, tokenizer)
        yield client
        await client.close()

    return open_client
