"""Reads the JSON object a client sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from starlette.types import Receive, Scope

from sgl.errors import echo
from sgl.protocol.fields import decode_object
from sgl.server.errors import ClientGone, UnsupportedMediaType

READ_IN_THREAD: Final = 256 * 1024
"""Bodies from this many bytes on are decoded and checked in a worker thread: 4 MiB of numbers take half a
second, and every stream would stand still for it."""

Parsed = TypeVar("Parsed")


async def read_request(scope: Scope, receive: Receive, parse: Callable[[dict[str, object]], Parsed]) -> Parsed:
    """Reads the whole body, decodes it and lets ``parse``, which must not block, make a typed request of it.

    Raises:
        UnsupportedMediaType: The content type is not JSON in UTF-8, or the body is compressed.
        RequestError: The body is not one JSON object, or ``parse`` refused it.
        ClientGone: The client left before the body was complete.
    """
    check_content_type(scope)
    raw = await read_body(receive)

    def decode_and_parse() -> Parsed:
        return parse(decode_object(raw))

    return decode_and_parse() if len(raw) < READ_IN_THREAD else await asyncio.to_thread(decode_and_parse)


async def read_body(receive: Receive) -> bytes:
    """Reads the body to its end.

    Raises:
        ClientGone: The client left before the body was complete.
    """
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def check_content_type(scope: Scope) -> None:
    """Insists on ``application/json``, with ``charset=utf-8`` at most.

    A missing type is refused as well: a web page can make a visitor's browser post a body without a type,
    or as text or form, to a server on localhost without asking first; JSON it cannot.
    """
    types = [value for name, value in scope["headers"] if name == b"content-type"]
    if len(types) != 1 or not _is_json(types[0]):
        shown = echo(b", ".join(types).decode("latin-1")) if types else "none"
        raise UnsupportedMediaType(f"Send the header 'Content-Type: application/json'; got {shown}.")
    encodings = [value for name, value in scope["headers"] if name == b"content-encoding"]
    if any(value.strip().lower() != b"identity" for value in encodings):
        raise UnsupportedMediaType(
            "Compressed request bodies are not taken; leave the Content-Encoding header out.",
            code="unsupported_content_encoding",
        )


def _is_json(content_type: bytes) -> bool:
    media, _, parameters = content_type.lower().partition(b";")
    charset = parameters.replace(b" ", b"").replace(b'"', b"")
    return media.strip() == b"application/json" and charset in (b"", b"charset=utf-8", b"charset=utf8")
