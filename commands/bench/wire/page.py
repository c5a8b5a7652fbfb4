"""One plain request, for what is not a load: a server's metrics, its cache, what it says about itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from .address import Address
from .exchange import Exchange
from .wire import Limits, Wire, connected

LONGEST_PAGE: Final = 16 * 2**20


@dataclass(frozen=True)
class Page:
    """What was answered.

    Attributes:
        status: HTTP status; 0 when there was no answer.
        text: The body, or why there is none.
    """

    status: int
    text: str


async def fetch(wire: Wire, request: bytes) -> Page:
    """Sends a request and waits for the whole answer. Nothing is raised."""
    return page_of(await wire.ask(request))


def page(address: Address, path: str, *, method: str = "GET", body: bytes | None = None, seconds: float = 5.0) -> Page:
    """The same with a connection and an event loop of its own; blocks for at most about ``seconds``."""

    async def once() -> Page:
        async with connected(address, Limits(seconds, seconds, seconds), reuse=False) as wire:
            return await fetch(wire, address.request(method, path, body))

    return asyncio.run(once())


def page_of(exchange: Exchange) -> Page:
    """The body of an answer as text."""
    if exchange.failure is not None or exchange.head is None:
        return Page(0, exchange.failure.message if exchange.failure is not None else "no answer")
    content = b"".join(content for _, content in exchange.pieces)[:LONGEST_PAGE]
    return Page(exchange.head.status, content.decode("utf-8", "replace"))
