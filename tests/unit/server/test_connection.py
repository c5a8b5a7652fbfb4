"""Connections over real sockets: deadlines, the cap, and answers to what is not HTTP."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
import pytest
import uvicorn

from sgl.server.connection import MAX_HEADER_BYTES, Connection
from tests.serving import serving, stories_tokenizer

GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


class Hasty(Connection):
    """A connection that loses patience fast."""

    header_seconds = 0.2
    body_seconds = 0.3
    write_seconds = 0.3


class Quiet(uvicorn.Server):
    """A server that leaves the test's signal handlers alone."""

    @contextmanager
    def capture_signals(self) -> Any:
        yield


@asynccontextmanager
async def listening(**settings: Any) -> AsyncIterator[int]:
    """The application behind uvicorn on a free port."""
    async with serving() as application:
        options: dict[str, Any] = {"http": Hasty, "ws": "none", "lifespan": "off", "log_config": None}
        options |= {"timeout_graceful_shutdown": 1, "h11_max_incomplete_event_size": MAX_HEADER_BYTES}
        server = Quiet(uvicorn.Config(application.app, **options, **settings))
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            task = asyncio.create_task(server.serve(sockets=[listener]))
            while not server.started:
                await asyncio.sleep(0.005)
            yield listener.getsockname()[1]
            server.should_exit = True
            await task


async def answer_to(port: int, *pieces: bytes, pause: float = 0.0) -> tuple[bytes, float]:
    """Sends ``pieces`` with a pause after each, reads to the end; returns what came and when it ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    sending = asyncio.create_task(_send(writer, pieces, pause))
    answer = await asyncio.wait_for(reader.read(), 10)
    seconds = time.monotonic() - began
    sending.cancel()
    writer.close()
    return answer, seconds


async def _send(writer: asyncio.StreamWriter, pieces: tuple[bytes, ...], pause: float) -> None:
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause)


def error_of(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\ncontent-type: application/json" in head
    return int(head.split()[1]), msgspec.json.decode(body)["error"]["code"]


async def test_silent_connection_is_closed_without_an_answer() -> None:
    async with listening() as port:
        answer, seconds = await answer_to(port)
    assert answer == b""
    assert 0.15 < seconds < 8


async def test_headers_that_trickle_are_408() -> None:
    async with listening() as port:
        pieces = [bytes([byte]) for byte in GET]
        answer, seconds = await answer_to(port, *pieces, pause=0.05)
    assert error_of(answer) == (408, "headers_timeout")
    assert 0.15 < seconds < 8


async def test_second_request_has_a_deadline_of_its_own() -> None:
    async with listening() as port:
        answer, seconds = await answer_to(port, GET, GET[:20], pause=0.3)
    first, second = answer.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200")
    assert second.startswith(b"408")
    assert 0.45 < seconds < 8


async def test_rest_between_requests_is_allowed() -> None:
    async with listening(timeout_keep_alive=60) as port:
        closing = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        answer, _ = await answer_to(port, GET, closing, pause=0.5)
    assert answer.count(b"HTTP/1.1 200") == 2


async def test_body_that_nobody_reads_does_not_hold_the_connection() -> None:
    async with listening() as port:
        # The route is a 404 before its body is looked at.
        head = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
        answer, seconds = await answer_to(port, head, *[b"x"] * 100, pause=0.05)
    assert error_of(answer) == (404, "not_found")
    assert seconds < 4.5  # Sending all of it takes five.


@pytest.mark.parametrize(
    "data",
    [b"\x16\x03\x01\x02\x00", b"HELO", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x", b"GET /", b"\0" * 64],
)
async def test_what_is_not_http_is_400_in_our_words(data: bytes) -> None:
    async with listening() as port:
        answer, _ = await answer_to(port, data + b"\r\n\r\n")
    assert error_of(answer) == (400, "malformed_request")


async def test_endless_headers_are_431() -> None:
    async with listening() as port:
        answer, _ = await answer_to(port, b"GET / HTTP/1.1\r\nX: " + b"a" * (MAX_HEADER_BYTES + 1))
    assert error_of(answer) == (431, "headers_too_large")


async def test_connections_beyond_the_cap_get_503_but_probes_pass() -> None:
    async with listening(limit_concurrency=2) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for _, writer in held:
            writer.write(b"GET")
        answer, _ = await answer_to(port, b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
        assert error_of(answer) == (503, "too_many_connections")
        assert b"retry-after: 1" in answer
        probe, _ = await answer_to(port, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert probe.startswith(b"HTTP/1.1 200")
        for _, writer in held:
            writer.close()
        await asyncio.sleep(0.05)
        again, _ = await answer_to(port, b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert again.startswith(b"HTTP/1.1 200")


async def test_reader_that_takes_nothing_is_cut_off() -> None:
    tokenizer = stories_tokenizer()
    longest = max(range(300, 512), key=lambda token: len(tokenizer.token_text(token)))
    body = msgspec.json.encode({"tokens": [longest] * 900_000})
    head = b"POST /detokenize HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    async with listening() as port:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", port))
            client.settimeout(10)
            await asyncio.to_thread(client.sendall, head % len(body) + body)
            first = await asyncio.to_thread(client.recv, 1024)
            await asyncio.sleep(1.0)
            received = first + await asyncio.to_thread(_read_all, client)
    headers, _, content = received.partition(b"\r\n\r\n")
    length = int(headers.partition(b"content-length: ")[2].split()[0])
    assert 0 < len(content) < length


def _read_all(client: socket.socket) -> bytes:
    received = bytearray()
    try:
        while piece := client.recv(65536):
            received += piece
    except ConnectionResetError:
        pass  # the server has given up, as it should
    return bytes(received)
