"""The load client against a scripted server: what it counts, when, and what it refuses to count."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from benchmarks.client import Answer, Endpoint, RequestFailed, ask_all, read_answer

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}

Respond = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def event(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def text(content: str) -> bytes:
    return event(choices=[{"text": content}])


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


def pieces(*contents: bytes) -> list[tuple[float, bytes]]:
    """The given bytes, arriving at seconds 1, 2, 3, ..."""
    return [(float(second), content) for second, content in enumerate(contents, start=1)]


END = chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def test_times_are_those_of_the_pieces_that_carry_text() -> None:
    answer = read_answer(
        0.5,
        pieces(
            HEAD + chunk(event(choices=[{"delta": {"role": "assistant", "content": ""}}])),
            chunk(event(choices=[{"delta": {"content": "a"}}])),
            chunk(event(choices=[{"delta": {"content": "b"}}])),
            chunk(event(choices=[], usage=USAGE)) + END,
        ),
    )

    assert answer == Answer(0.5, 2.0, 4.0, 5, 3, cached_tokens=4, chunks=2)
    assert answer.ttft == 1.5
    assert answer.tpot == (4.0 - 2.0) / 2


def test_an_event_counts_when_its_last_byte_is_there() -> None:
    body = HEAD + chunk(text("a")) + chunk(event(usage=USAGE)) + END
    middle = body.index(b'"a"')

    assert read_answer(0.0, pieces(body[:middle], body[middle:])).first == 2.0
    assert read_answer(0.0, pieces(*(bytes([byte]) for byte in body))).completion_tokens == 3


def test_an_event_may_be_split_over_chunks_and_a_chunk_may_hold_many() -> None:
    both = text("a") + event(usage=USAGE)

    split = read_answer(0.0, pieces(HEAD, chunk(both[:9]), chunk(both[9:]), END))

    assert (split.first, split.chunks) == (3.0, 1)


def test_a_body_without_chunks_is_read_too() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"

    assert read_answer(0.0, pieces(head + text("a") + event(usage=USAGE))).prompt_tokens == 5


def test_one_token_has_no_time_per_token() -> None:
    assert Answer(0.0, 1.0, 1.0, 5, 1).tpot is None


@pytest.mark.parametrize(
    ("received", "why"),
    [
        ([], "without an answer"),
        ([b"HTTP/1.1 503 Service Unavailable\r\n\r\n{busy}"], "HTTP 503: {busy}"),
        ([HEAD, chunk(event(error={"message": "out of pages"})), END], "out of pages"),
        ([HEAD, chunk(event(usage=USAGE)), END], "no text"),
        ([HEAD, chunk(text("a")), END], "no usage"),
        ([HEAD, chunk(text("a"))[:-4]], "cut short"),
        ([HEAD, chunk(text("a"))], "cut short"),
    ],
)
def test_what_is_no_answer_is_refused(received: Sequence[bytes], why: str) -> None:
    with pytest.raises(RequestFailed, match=why):
        read_answer(0.0, pieces(*received))


async def test_answers_come_in_the_order_of_the_requests_and_no_more_are_open_than_allowed() -> None:
    running, most = 0, 0

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        number = (await read_body(reader))["number"]
        await asyncio.sleep(0.01 * (5 - number))
        usage = {"prompt_tokens": number, "completion_tokens": 1}
        writer.write(HEAD + chunk(text("a")) + chunk(event(usage=usage)) + END)
        running -= 1

    async with serving(respond) as port:
        answers = await ask_all(Endpoint(port), [{"number": number} for number in range(5)], concurrency=2)

    assert [answer.prompt_tokens for answer in answers] == [0, 1, 2, 3, 4]
    assert most == 2


async def test_a_failed_request_fails_the_run() -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_body(reader)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\nno such model")

    async with serving(respond) as port:
        with pytest.raises(RequestFailed, match="HTTP 400: no such model"):
            await ask_all(Endpoint(port), [{}], concurrency=1)


async def test_nobody_listening_is_a_failed_request() -> None:
    async with serving(lambda reader, writer: asyncio.sleep(0)) as port:
        pass

    with pytest.raises(RequestFailed, match="cannot connect"):
        await ask_all(Endpoint(port), [{}], concurrency=1)


@asynccontextmanager
async def serving(respond: Respond) -> AsyncIterator[int]:
    """The port of a server that answers each connection with ``respond`` and closes it."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await respond(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def read_body(reader: asyncio.StreamReader) -> Any:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    return json.loads(await reader.readexactly(length))
