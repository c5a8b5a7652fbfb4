"""Tokens counted by a server's ``/tokenize``, or estimated when it has none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sgl_cli.bench.data.counting import EstimatedCounter, ServerCounter, find_counter


@contextmanager
def tokenizer(
    status: int = 200, answer: object = None, keep: bool = True
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that counts words, or answers as told; its address, and the bodies that it got."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append({**body, "path": self.path, "key": self.headers.get("Authorization")})
            content = json.dumps({"count": len(body["prompt"].split())} if answer is None else answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = not keep

        def log_message(self, *_: object) -> None:
            """Stays quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("keep", [True, False])
def test_the_server_counts(keep: bool) -> None:
    with tokenizer(keep=keep) as (base, asked):
        counter = find_counter(base, "m", {"Authorization": "Bearer x"})
        assert isinstance(counter, ServerCounter)
        assert [counter.count(text) for text in ("a b", "a b c d")] == [2, 4]
        counter.close()
    assert asked[-1] == {
        **{"model": "m", "prompt": "a b c d", "add_special_tokens": False},
        **{"path": "/tokenize", "key": "Bearer x"},
    }


@pytest.mark.parametrize(("status", "answer"), [(404, {}), (200, {"tokens": []}), (200, [])])
def test_other_answers_mean_that_it_cannot(status: int, answer: object) -> None:
    with tokenizer(status, answer) as (base, _):
        counter = find_counter(base, "m", {})
        assert isinstance(counter, EstimatedCounter)
        assert not counter.exact


def test_nobody_there_is_an_estimate() -> None:
    assert [find_counter("http://127.0.0.1:9", "m", {}).count(text) for text in ("", "x", "x" * 400)] == [0, 1, 100]
