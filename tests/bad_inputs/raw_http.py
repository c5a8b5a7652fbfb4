"""Section B: bytes on the wire that are not, or only just, HTTP/1.1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.bad_inputs.case import changed
from tests.serving import CHAT

BODY = changed(CHAT)
NO_ANSWER = 0
"""As a status: the server still waits, or has closed without a word."""


class Wire(NamedTuple):
    """What is sent, and the status of the first answer."""

    name: str
    sent: bytes
    status: int


def post(*headers: str, path: str = CHAT, version: str = "1.1", body: bytes = BODY, host: str = "Host: x") -> bytes:
    """A POST; ``headers`` come after the usual ones."""
    lines = [f"POST {path} HTTP/{version}", host, "Content-Type: application/json", *headers]
    return "\r\n".join(line for line in lines if line).encode("latin-1") + b"\r\n\r\n" + body


def cases() -> Iterator[Wire]:
    """All of them."""
    length = f"Content-Length: {len(BODY)}"
    chunk = b"%x\r\n%b\r\n" % (len(BODY), BODY)
    chunked = "Transfer-Encoding: chunked"
    yield Wire("good", post(length), 200)
    yield Wire("good-chunked", post(chunked, body=chunk + b"0\r\n\r\n"), 200)
    yield Wire("trailers", post(chunked, body=chunk + b"0\r\nX-Trailer: 1\r\n\r\n"), 200)
    yield Wire("expect-continue", post(length, "Expect: 100-continue"), 200)
    yield Wire("expect-continue-and-nothing-more", post(length, "Expect: 100-continue", body=b""), NO_ANSWER)
    yield Wire("http-1.0", post(length, version="1.0"), 200)
    yield Wire("http-1.0-keep-alive", post(length, "Connection: keep-alive", version="1.0"), 200)
    yield Wire("absolute-path", post(length, path=f"http://x{CHAT}"), 404)
    yield Wire("folded-header", post(length, "X-A: 1\r\n  2"), 200)
    yield Wire("unknown-upgrade", post(length, "Connection: Upgrade", "Upgrade: websocket"), 200)
    for host in ("Host: a/?", "Host: [::1", "Host: x@y", "Host:"):
        yield Wire(f"odd-{host}", post(length, host=host), 200)

    yield from _lengths(length, chunk)
    yield from _heads(length)
    for method in ("GET", "PUT", "DELETE", "PATCH", "HEAD", "TRACE", "OPTIONS", "FOO"):
        yield Wire(f"method-{method}", f"{method} {CHAT} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), 405)
    yield Wire("method-CONNECT", b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 404)
    for path in ("//v1/models", "/v1/../health", "/%2e%2e/health", "/%00", "*", "/" + "a" * 8000):
        yield Wire(f"path-{path[:16]}", post(length, path=path), 404)
    yield Wire("query-of-8KB", post(length, path=CHAT + "?" + "q" * 8000), 200)

    yield Wire("http-0.9", b"GET /\r\n\r\n", 400)
    yield Wire("http-2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 404)
    yield Wire("tls-hello", bytes.fromhex("160301020001") + b"\x00" * 512, 400)
    yield Wire("noise", bytes(range(256)) * 4, 400)
    yield Wire("line-feeds-only", post(length).replace(b"\r\n", b"\n"), 200)


def _lengths(length: str, chunk: bytes) -> Iterator[Wire]:
    """Framing of the body."""
    for value in ("-1", "+5", "5,5", "0x10", "1e3", "", " ", "9" * 30):
        yield Wire(f"length-{value[:8]!r}", post(f"Content-Length: {value}"), 400)
    yield Wire("two-lengths", post(length, "Content-Length: 1"), 400)
    yield Wire("two-equal-lengths", post(length, length), 200)
    yield Wire("length-and-chunked", post(length, "Transfer-Encoding: chunked", body=chunk + b"0\r\n\r\n"), 400)
    yield Wire("chunked-twice", post("Transfer-Encoding: chunked, chunked"), 400)
    yield Wire("identity", post("Transfer-Encoding: identity"), 400)
    yield Wire("chunk-size-overflow", post("Transfer-Encoding: chunked", body=b"F" * 16 + b"\r\n"), NO_ANSWER)
    yield Wire("chunk-size-huge", post("Transfer-Encoding: chunked", body=b"F" * 64 + b"\r\n"), 400)
    yield Wire("chunk-size-word", post("Transfer-Encoding: chunked", body=b"xyz\r\n"), 400)
    extension = b"5;" + b"e" * 65536 + b"\r\n"
    yield Wire("chunk-extension-64KB", post("Transfer-Encoding: chunked", body=extension), NO_ANSWER)


def _heads(length: str) -> Iterator[Wire]:
    """The request line and the headers."""
    yield Wire("no-host", post(length, host=""), 400)
    yield Wire("two-hosts", post(length, "Host: y"), 400)
    # A head that arrives in one read of the socket (256 KiB) is taken whole; a longer one is cut off at 32 KiB.
    yield Wire("header-of-300KB", post(length, "X-A: " + "a" * 300 * 1024), 431)
    yield Wire("header-of-8MB", post(length, "X-A: " + "a" * 8_000_000), 431)
    yield Wire("twenty-thousand-headers", post(length, *(f"X-{n}: 1" for n in range(20_000))), 431)
    yield Wire("header-with-nul", post(length, "X-A: a\x00b"), 400)
    yield Wire("header-without-colon", post(length, "nonsense"), 400)
    yield Wire("space-before-colon", post(length, "X-A : 1"), 400)
    yield Wire("line-break-in-path", b"GET /a\rb HTTP/1.1\r\nHost: x\r\n\r\n", 400)
    yield Wire("path-of-300KB", post(length, path="/" + "a" * 300 * 1024), 431)
    yield Wire("version-9", post(length, version="9.9"), 200)
    yield Wire("version-word", post(length, version="x"), 400)
