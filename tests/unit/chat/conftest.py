"""Stores for the tests: one in memory, and a path for one on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sgl_cli.chat.client.endpoint import Endpoint
from sgl_cli.chat.client.http import ChatClient
from sgl_cli.chat.store.chat_store import ChatStore, memory_store
from tests.fake_openai import FakeOpenAI, fake_openai


@pytest.fixture
def store() -> Iterator[ChatStore]:
    with memory_store() as opened:
        yield opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store may be made; the folder is missing."""
    return tmp_path / "data" / "chat.db"


@pytest.fixture
def endpoint() -> Iterator[FakeOpenAI]:
    """An endpoint that answers by script."""
    with fake_openai() as running:
        yield running


@pytest.fixture
def client(endpoint: FakeOpenAI) -> Iterator[ChatClient]:
    """A client of it that is not patient."""
    with ChatClient(Endpoint(endpoint.url), silence_seconds=0.5) as opened:
        yield opened
