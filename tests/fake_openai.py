"""An OpenAI endpoint on loopback that answers by script: pieces, silences, faults; the requests are kept."""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CUT = object()
"""In a script: the connection is closed here."""

GATE_SECONDS = 0.005
"""How often a closed gate is looked at."""


def piece(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    """One chunk of a stream with one choice."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"object": "chat.completion.chunk", "model": "served", "choices": [choice]}


def usage(prompt: int, completion: int, cached: int | None = None) -> dict[str, Any]:
    """The chunk with the counts."""
    details = {} if cached is None else {"prompt_tokens_details": {"cached_tokens": cached}}
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, **details}
    return {"model": "served", "choices": [], "usage": counts}


@dataclass
class Answer:
    """One answer.

    Attributes:
        pieces: Chunks of a stream; a number is a pause in seconds, an event one that lasts until it is set, a string
            a raw line, `CUT` the end of it all.
        status: HTTP status; with one other than 200 the body is sent as it is.
        body: What is sent in place of a stream: JSON, or text as it is.
        headers: Sent along.
        done: Whether ``[DONE]`` ends the stream.
        wait: Seconds before anything is sent, as in a queue.
    """

    pieces: Sequence[Any] = ()
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    done: bool = True
    wait: float = 0.0


def said(*texts: str, reason: str = "stop") -> Answer:
    """An answer in these pieces, with counts."""
    pieces = [piece(role="assistant", content=""), *(piece(content=text) for text in texts)]
    return Answer([*pieces, piece(finish_reason=reason), usage(12, len(texts), 8)])


class FakeOpenAI:
    """The endpoint.

    Attributes:
        url: Its base address.
        script: Answers to the coming requests, in their order; the last one stays.
        models: What it lists; None answers 404.
        pages: Bodies of other addresses by their path.
        key: The key it asks for, if any.
        requests: Bodies of the chat requests.
        keys: The Authorization header of every request.
        asked: Path and body of every request for one of the pages.
        left: Set when a client has gone in a silence.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        self.script: list[Answer] = [said("Hello", " there.")]
        self.models: list[str] | None = ["served"]
        self.key: str | None = None
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.pages: dict[str, Any] = {}
        self.asked: list[tuple[str, Any]] = []
        self.left = threading.Event()

    def next(self) -> Answer:
        """The answer to this request."""
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


@contextmanager
def fake_openai(port: int = 0) -> Iterator[FakeOpenAI]:
    """Runs an endpoint on a port; on a free one by default."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    server.daemon_threads = True
    fake = FakeOpenAI(server.server_address[1])
    server.fake = fake  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    @property
    def fake(self) -> FakeOpenAI:
        fake: FakeOpenAI = self.server.fake  # type: ignore[attr-defined]
        return fake

    def do_GET(self) -> None:
        if not self._allowed():
            return
        if self._sent_page(None):
            return
        if self.fake.models is None or self.path != "/v1/models":
            self._send(404, {"detail": "Not Found"})
        else:
            self._send(200, {"object": "list", "data": [{"id": name} for name in self.fake.models]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self._allowed():
            return
        if self._sent_page(body):
            return
        if self.path != "/v1/chat/completions":
            self._send(404, {"detail": "Not Found"})
            return
        self.fake.requests.append(body)
        answer = self.fake.next()
        if self._client_left_within(answer.wait):
            return
        if answer.body is not None or answer.status != 200:
            self._send(answer.status, answer.body, answer.headers)
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        try:
            self._stream(answer)
        except (BrokenPipeError, ConnectionResetError):
            return  # The reader has stopped the answer.

    def _stream(self, answer: Answer) -> None:
        for each in answer.pieces:
            if each is CUT:
                return
            if isinstance(each, int | float):
                if self._client_left_within(each):
                    return
                continue
            if isinstance(each, threading.Event):
                while not each.is_set():
                    if self._client_left_within(GATE_SECONDS):
                        return
                continue
            line = each if isinstance(each, str) else f"data: {json.dumps(each)}"
            self.wfile.write(f"{line}\n\n".encode())
            self.wfile.flush()
        if answer.done:
            self.wfile.write(b"data: [DONE]\n\n")

    def _client_left_within(self, seconds: float) -> bool:
        """Waits; a request is whole, so what its connection has to read is its end."""
        if not seconds or not select.select([self.connection], [], [], seconds)[0]:
            return False
        try:
            gone = self.connection.recv(1, socket.MSG_PEEK) == b""
        except ConnectionResetError:
            gone = True
        if gone:
            self.fake.left.set()
        return gone

    def _sent_page(self, body: Any) -> bool:
        if self.path not in self.fake.pages:
            return False
        self.fake.asked.append((self.path, body))
        self._send(200, self.fake.pages[self.path])
        return True

    def _allowed(self) -> bool:
        key = self.headers.get("authorization")
        self.fake.keys.append(key)
        if self.fake.key is None or key == f"Bearer {self.fake.key}":
            return True
        self._send(401, {"error": {"message": "Incorrect API key.", "code": "invalid_api_key"}})
        return False

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        kind = "text/html" if isinstance(body, str) else "application/json"
        for name, value in {"content-type": kind, "content-length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *values: Any) -> None:
        """Says nothing."""
