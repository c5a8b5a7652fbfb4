"""A load client that costs little, so that on two cores it measures the server and not itself.

Nothing is parsed while an answer arrives: the transport's callback notes the time and keeps the bytes, and
events are looked at when the answer is complete. One connection per request, closed by the server.

Times are seconds of `time.perf_counter`. TTFT is from the first byte of the request to the first chunk that
carries text; TPOT is (whole latency - TTFT) / (completion tokens - 1), of requests with two tokens or more.
"""

from __future__ import annotations

import asyncio
import json
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

TIMEOUT: Final = 900.0
"""Seconds one request may take."""


class RequestFailed(Exception):
    """A request was not answered as asked; the message says what came instead."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go."""

    port: int
    path: str = "/v1/completions"
    host: str = "127.0.0.1"

    def post(self, body: dict[str, Any]) -> bytes:
        """The bytes of one request."""
        content = json.dumps(body).encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + content


@dataclass(frozen=True, slots=True)
class Answer:
    """One streamed answer.

    Attributes:
        sent: When the request was written.
        first: When the first chunk with text arrived.
        ended: When the last byte arrived.
        prompt_tokens, completion_tokens: As the server's usage counts them.
        cached_tokens: Prompt tokens that came from a prefix cache; 0 when the server does not say.
        chunks: Chunks that carried text.
    """

    sent: float
    first: float
    ended: float
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    chunks: int = 0

    @property
    def ttft(self) -> float:
        """Seconds to the first text."""
        return self.first - self.sent

    @property
    def latency(self) -> float:
        """Seconds to the end."""
        return self.ended - self.sent

    @property
    def tpot(self) -> float | None:
        """Seconds per token after the first; None for an answer of one token."""
        return (self.latency - self.ttft) / (self.completion_tokens - 1) if self.completion_tokens > 1 else None


async def ask_all(endpoint: Endpoint, bodies: Sequence[dict[str, Any]], concurrency: int) -> list[Answer]:
    """Sends every body, at most ``concurrency`` at a time, and returns the answers in order.

    Raises:
        RequestFailed: Any of them failed.
    """
    requests = [endpoint.post(body) for body in bodies]
    exchanges: dict[int, _Exchange] = {}
    queue = iter(range(len(requests)))

    async def work() -> None:
        for index in queue:
            exchanges[index] = await _exchange(endpoint, requests[index])

    workers = [asyncio.ensure_future(work()) for _ in range(min(concurrency, len(requests)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [read_answer(exchange.sent, exchange.pieces) for _, exchange in sorted(exchanges.items())]


async def _exchange(endpoint: Endpoint, request: bytes) -> _Exchange:
    """Sends one request and waits for the end of the answer."""
    loop = asyncio.get_running_loop()
    exchange: _Exchange
    try:
        _, exchange = await loop.create_connection(lambda: _Exchange(request), endpoint.host, endpoint.port)
    except OSError as error:
        raise RequestFailed(f"cannot connect to port {endpoint.port}: {error}") from error
    try:
        await asyncio.wait_for(exchange.closed, TIMEOUT)
    except asyncio.TimeoutError as error:
        raise RequestFailed(f"no complete answer within {TIMEOUT:g} s") from error
    except OSError as error:
        raise RequestFailed(f"the connection broke: {error}") from error
    finally:
        exchange.abandon()
    return exchange


class _Exchange(asyncio.Protocol):
    """One request and what came back, with the time of every piece."""

    def __init__(self, request: bytes) -> None:
        self.sent = 0.0
        self.pieces: list[tuple[float, bytes]] = []
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.sent = time.perf_counter()
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.pieces.append((time.perf_counter(), data))

    def connection_lost(self, error: Exception | None) -> None:
        if self.closed.done():
            return
        if error is None:
            self.closed.set_result(None)
        else:
            self.closed.set_exception(error)

    def abandon(self) -> None:
        """Closes the connection if it is open."""
        if self._transport is not None:
            self._transport.abort()


def read_answer(sent: float, pieces: Sequence[tuple[float, bytes]]) -> Answer:
    """Makes an `Answer` of the bytes of one HTTP response.

    Args:
        sent: When the request was written.
        pieces: (arrival, bytes) in order.

    Raises:
        RequestFailed: The response is an error, is cut short, or holds no text or no usage.
    """
    if not pieces:
        raise RequestFailed("the server closed the connection without an answer")
    first: float | None = None
    usage: dict[str, Any] | None = None
    chunks = 0
    for arrived, event in _events(pieces):
        if "error" in event:
            raise RequestFailed(f"the stream ended with an error: {json.dumps(event['error'])[:200]}")
        if event.get("usage"):
            usage = event["usage"]
        if any(_text(choice) for choice in event.get("choices") or ()):
            chunks += 1
            first = arrived if first is None else first
    if first is None:
        raise RequestFailed("the answer has no text")
    if usage is None:
        raise RequestFailed("the answer has no usage")
    details = usage.get("prompt_tokens_details") or {}
    return Answer(
        sent=sent,
        first=first,
        ended=pieces[-1][0],
        prompt_tokens=usage["prompt_tokens"],
        completion_tokens=usage["completion_tokens"],
        cached_tokens=details.get("cached_tokens") or 0,
        chunks=chunks,
    )


def _text(choice: dict[str, Any]) -> str | None:
    """The text of a choice, of either OpenAI API."""
    delta = choice.get("delta") or {}
    return choice.get("text") or delta.get("content") or delta.get("reasoning_content")


def _events(pieces: Sequence[tuple[float, bytes]]) -> Iterator[tuple[float, dict[str, Any]]]:
    """(arrival of its last byte, decoded object) of every server-sent event but ``[DONE]``."""
    raw = b"".join(data for _, data in pieces)
    ends, total = [], 0
    for _, data in pieces:
        total += len(data)
        ends.append(total)
    head, separator, _ = raw.partition(b"\r\n\r\n")
    start = len(head) + len(separator)
    status = head.split(b" ", 2)[1:2]
    if status != [b"200"]:
        content = raw[start : start + 300].decode("utf-8", "replace")
        raise RequestFailed(f"HTTP {b''.join(status).decode('latin-1')}: {content}")
    chunked = b"transfer-encoding: chunked" in head.lower()
    blocks = _chunks(raw, start) if chunked else iter([(len(raw), raw[start:])])
    rest = b""
    for raw_end, block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            data = line.removeprefix(b"data:").strip()
            if line.startswith(b"data:") and data != b"[DONE]":
                yield pieces[bisect_left(ends, raw_end)][0], json.loads(data)


def _chunks(raw: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """(offset of its end in ``raw``, content) of every chunk of a chunked body."""
    while True:
        line_end = raw.find(b"\r\n", start)
        if line_end < 0:
            raise RequestFailed("the answer was cut short")
        size = int(raw[start:line_end].split(b";")[0], 16)
        if size == 0:
            return
        end = line_end + 2 + size
        if end + 2 > len(raw):
            raise RequestFailed("the answer was cut short")
        yield end, raw[line_end + 2 : end]
        start = end + 2
