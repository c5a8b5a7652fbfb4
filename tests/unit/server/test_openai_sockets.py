"""Streams over real sockets whose other end misbehaves."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable

import openai
import pytest

from sgl.server import sse
from tests.fakes import FakeEngine, fake_info
from tests.live import Live, live
from tests.serving import MODEL


def request(**fields: object) -> bytes:
    body = json.dumps({"model": MODEL, "prompt": "Hi", "max_tokens": 400, "stream": True, **fields}).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def until(condition: Callable[[], bool], seconds: float = 5.0) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.001)
    return time.monotonic() - began


def answers_again(server: Live) -> None:
    with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as sdk:
        assert sdk.completions.create(model=MODEL, prompt="Hi", max_tokens=2).choices[0].finish_reason == "length"


def endless() -> FakeEngine:
    return FakeEngine(fake_info(max_model_len=200_000, max_request_tokens=200_000), step_delay=0.002)


def torrent() -> FakeEngine:
    return FakeEngine(fake_info(max_model_len=200_000, max_request_tokens=200_000), tokens_per_step=64)


@pytest.mark.parametrize("reset", [False, True])
def test_closing_in_mid_stream_frees_the_request(reset: bool) -> None:
    with live(endless) as server:
        connection = server.connect()
        connection.sendall(request(max_tokens=100_000))
        assert b"data: " in connection.recv(100_000) + connection.recv(100_000)
        assert server.engine.running == 1
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        assert until(lambda: server.engine.running == 0) < 0.5
        answers_again(server)


def test_closing_while_queued_frees_the_request() -> None:
    with live(lambda: FakeEngine(held=True)) as server:
        connection = server.connect()
        connection.sendall(request())
        until(lambda: server.engine.running == 1)
        connection.close()
        assert until(lambda: server.engine.running == 0) < 0.5


def test_a_reader_that_never_reads_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse.EventStream.__init__, "__defaults__", (0.5,))
    with live(torrent) as server, server.connect(receive_buffer=4096) as connection:
        connection.sendall(request(max_tokens=100_000, logprobs=5))
        until(lambda: server.engine.running == 1)
        until(lambda: server.client.in_flight == 0, 30)
        assert server.engine.aborts
        answers_again(server)


def test_two_streams_on_one_connection_one_after_the_other() -> None:
    with live() as server, server.connect() as connection:
        for _ in range(2):
            connection.sendall(request(max_tokens=3))
            received = b""
            while not received.endswith(b"0\r\n\r\n"):
                received += connection.recv(100_000)
            assert received.startswith(b"HTTP/1.1 200")
            assert received.count(b"[DONE]") == 1
            assert b"\r\nserver:" not in received.lower()
