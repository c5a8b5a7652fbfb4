"""Section B over real connections: an orderly answer or an orderly end, and the server goes on."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
from collections.abc import Iterator

import pytest

from tests.bad_inputs.raw_http import BODY, NO_ANSWER, Wire, cases, post
from tests.bad_inputs.test_bad_inputs import LEAKS
from tests.live import Live, live


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    logging.getLogger("uvicorn.error").disabled = True
    with live() as running:
        yield running
    logging.getLogger("uvicorn.error").disabled = False


def ask(server: Live, sent: bytes) -> tuple[int, bytes]:
    """Status and body of the first answer; (0, b"") when none comes within half a second."""
    with server.connect() as connection:
        connection.settimeout(0.5)
        # The server may refuse and close before it has seen everything; what it said can still be read.
        with contextlib.suppress(OSError):
            connection.sendall(sent)
        answer = http.client.HTTPResponse(connection, method=sent.split(b" ")[0].decode("latin-1"))
        try:
            answer.begin()
            return answer.status, answer.read()
        except http.client.IncompleteRead:  # Its system dropped the rest when it closed before it had read everything.
            return answer.status, b""
        except (TimeoutError, ConnectionError, http.client.BadStatusLine):
            return NO_ANSWER, b""


@pytest.mark.parametrize("wire", list(cases()), ids=lambda wire: wire.name)
def test_wire(wire: Wire, server: Live) -> None:
    status, body = ask(server, wire.sent)
    assert status == wire.status, body
    if status >= 400 and body:
        assert json.loads(body)["error"].keys() == {"message", "type", "param", "code"}
    assert not LEAKS.search(body)
    status, body = ask(server, post(f"Content-Length: {len(BODY)}"))
    assert status == 200
    assert server.client.in_flight == 0


def test_a_hundred_requests_in_one_write_get_a_hundred_answers(server: Live) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /nope HTTP/1.1\r\nHost: x\r\n\r\n" * 99)
        connection.sendall(b"GET /nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert received.count(b"HTTP/1.1 404 Not Found") == 100


def test_a_length_beside_chunks_also_ends_the_connection(server: Live) -> None:
    smuggled = b"0\r\n\r\nGET /nope HTTP/1.1\r\nHost: x\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(post("Content-Length: 5", "Transfer-Encoding: chunked", body=smuggled))
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                received += piece
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.startswith(b"HTTP/1.1 400")
