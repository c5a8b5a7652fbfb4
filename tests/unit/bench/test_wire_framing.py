"""Where an answer ends, however the network cuts it."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl_cli.bench.wire.address import Address
from sgl_cli.bench.wire.exchange import Exchange
from sgl_cli.bench.wire.framing import BadHttp, Chunked, read_head

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def exchange() -> Exchange:
    loop = asyncio.new_event_loop()
    try:
        return Exchange(loop.create_future())
    finally:
        loop.close()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(ends)]


@given(
    contents=st.lists(
        st.binary(min_size=1, max_size=40) | st.sampled_from([b"\r\n", b"0\r\n\r\n", b"\n\n"]), max_size=8
    ),
    places=st.lists(st.integers(0, 2000), max_size=30),
    trailer=st.booleans(),
)
def test_chunks_are_found_however_they_are_cut(contents: list[bytes], places: list[int], trailer: bool) -> None:
    body = b"".join(b"%x;a=b\r\n%s\r\n" % (len(content), content) for content in contents)
    raw = CHUNKED + body + b"0\r\n" + (b"X-Sum: 1\r\n" if trailer else b"") + b"\r\n"
    found = exchange()
    for number, piece in enumerate(cut(raw, places)):
        assert not found.done.done()
        found.take(float(number), piece)

    assert found.whole
    assert b"".join(content for _, content in found.pieces) == b"".join(contents)
    assert found.kept == sum(map(len, contents))


@given(content=st.binary(max_size=60), places=st.lists(st.integers(0, 500), max_size=20))
def test_a_length_ends_an_answer(content: bytes, places: list[int]) -> None:
    found = exchange()
    for piece in cut(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(content), content), places):
        found.take(1.0, piece)
    assert found.whole
    assert b"".join(piece for _, piece in found.pieces) == content


def test_without_a_length_the_last_event_ends_it_or_the_connection() -> None:
    found = exchange()
    found.take(1.0, HEAD + b"\r\ndata: 1\n\ndata: [DO")
    assert not found.done.done()
    found.take(2.0, b"NE]\n\n")
    assert found.whole

    other = exchange()
    other.take(1.0, HEAD + b"\r\ndata: 1\n\n")
    other.close("gone")
    assert other.whole


def test_an_early_end_is_a_cut_and_words_in_between_are_not_the_answer() -> None:
    found = exchange()
    found.take(1.0, b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED + b"5\r\nab")
    found.close("closed by the server")
    assert found.head is not None
    assert found.head.status == 200
    assert found.failure is not None
    assert (found.failure.kind, found.failure.message) == ("cut", "closed by the server")


@pytest.mark.parametrize(
    "raw", [b"SSH-2.0-x\r\n", CHUNKED + b"xyz\r\n", CHUNKED + b"-5\r\n", HEAD.replace(b"200", b"2x0") + b"\r\n"]
)
def test_what_is_not_http_is_a_failure(raw: bytes) -> None:
    found = exchange()
    found.take(1.0, raw)
    assert found.failure is not None
    assert found.failure.kind == "protocol"


def test_a_size_line_has_a_bound() -> None:
    with pytest.raises(BadHttp):
        Chunked().feed(b"1" * 5000)


def test_who_keeps_the_connection() -> None:
    assert read_head(b"HTTP/1.1 200 OK").keeps
    assert not read_head(b"HTTP/1.1 200 OK\r\nConnection: Close").keeps
    assert not read_head(b"HTTP/1.0 200 OK").keeps


def test_a_request_has_the_key_and_asks_for_no_compression() -> None:
    address = Address.of("http://[::1]:81/v1", "secret")
    request = address.request("POST", "/v1/x", json.dumps({"a": 1}).encode())
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.splitlines()[:2] == [b"POST /v1/x HTTP/1.1", b"Host: [::1]:81"]
    assert b"Authorization: Bearer secret" in head
    assert b"Accept-Encoding: identity" in head
    assert b"Content-Length: 8" in head
    assert body == b'{"a": 1}'
    assert "secret" not in repr(address)
