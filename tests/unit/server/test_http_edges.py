"""What every route has in common: request ids, keys, body limits, content types, unknown routes."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from sgl.server.auth import Auth
from sgl.server.body import READ_IN_THREAD, read_body, read_request
from sgl.server.boundary import ErrorBoundary
from sgl.server.limits import BodyLimit
from sgl.server.requestid import RequestId
from tests.asgi import Connection, Headers, call
from tests.serving import CHAT, MODEL, serving

GOOD = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}).encode()
JSON = ("content-type", "application/json")


# -- request ids -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", ["abc", "x" * 128, "req_1.2:3/4", "~!"])
async def test_a_good_request_id_comes_back(sent: str) -> None:
    async with serving() as server:
        for path in (CHAT, "/nope"):
            answer = await call(server.app, "POST", path, body=GOOD, headers=[JSON, ("x-request-id", sent)])
            assert answer.headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", [[], [""], ["x" * 129], ["a b"], ["\xe9"], ["a\x7f"], ["a", "b"]])
async def test_any_other_is_replaced_by_a_fresh_one(sent: list[str]) -> None:
    async with serving() as server:
        headers = [JSON, *(("x-request-id", value) for value in sent)]
        first = await call(server.app, "POST", CHAT, body=GOOD, headers=headers)
        second = await call(server.app, "POST", CHAT, body=b"{", headers=headers)
        assert first.status == 200
        assert first.headers["x-request-id"].startswith("req-")
        assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_streams_carry_it_too_and_it_labels_the_request() -> None:
    async with serving() as server:
        answer = await server.post(CHAT, {**json.loads(GOOD), "stream": True}, [("x-request-id", "mine")])
        assert answer.headers["x-request-id"] == "mine"


# -- keys --------------------------------------------------------------------------------------------

KEYS = ("sk-one", "sk-two", "schlüssel")


async def ask(keys: tuple[str, ...], headers: Headers, path: str = CHAT, method: str = "POST") -> int:
    async with serving(api_keys=keys) as server:
        return (await call(server.app, method, path, body=GOOD, headers=[JSON, *headers])).status


@pytest.mark.parametrize(
    "value",
    [
        "Bearer sk-one",
        "Bearer sk-two",
        "bearer sk-one",
        "BEARER sk-one",
        "Bearer  sk-one",
        "Bearer sk-one ",
        "Bearer " + "schlüssel".encode().decode("latin-1"),
    ],
)
async def test_right_keys(value: str) -> None:
    assert await ask(KEYS, [("authorization", value)]) == 200


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("authorization", "")],
        [("authorization", "Bearer")],
        [("authorization", "Bearer ")],
        [("authorization", "Basic c2stb25l")],
        [("authorization", "sk-one")],
        [("authorization", "Bearer sk-on")],
        [("authorization", "Bearer sk-onex")],
        [("authorization", "Bearer sk-one sk-one")],
        [("authorization", "Bearer\tsk-one")],
        [("authorization", "Bearer \xff\xfe\xe9")],
        [("authorization", "Bearer " + "k" * 1_000_000)],
        [("authorization", "Bearer sk-one"), ("authorization", "Bearer sk-one")],
        [("x-api-key", "sk-one")],
    ],
)
async def test_no_key_or_a_wrong_one(headers: Headers) -> None:
    async with serving(api_keys=KEYS) as server:
        answer = await call(server.app, "POST", CHAT, body=GOOD, headers=[JSON, *headers])
        error = answer.json()["error"]
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert (error["type"], error["code"], error["param"]) == ("authentication_error", "invalid_api_key", None)
        assert "sk-" not in error["message"]
        assert server.engine.requests == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "FOO"])
@pytest.mark.parametrize(
    "path",
    [
        CHAT,
        "/v1/models",
        "/metrics",
        "/flush_cache",
        "/nope",
        "/",
        "//v1/models",
        "/health/",
        "/Health",
        "/health/../v1/models",
        "/v1/../health",
        "/healthx",
        "/livez;x",
        "/\x00health",
    ],
)
async def test_everything_is_denied_by_default(path: str, method: str) -> None:
    assert await ask(KEYS, [("host", "a/health?")], path, method) == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "DELETE"])
async def test_probes_are_public_for_reading_only(method: str) -> None:
    assert await ask(KEYS, [], "/health", method) == 401


async def test_without_keys_any_key_will_do() -> None:
    assert await ask((), []) == 200
    assert await ask((), [("authorization", "Bearer EMPTY")]) == 200
    assert await ask((), [("authorization", "nonsense \xff")]) == 200


async def test_preflights_get_no_permission() -> None:
    async with serving() as server:
        headers = [("origin", "http://evil.example"), ("access-control-request-method", "POST")]
        answer = await call(server.app, "OPTIONS", CHAT, headers=headers)
        assert answer.status == 405
        assert not any(name.startswith("access-control") for name in answer.headers)


async def test_keys_separate_prefix_caches_when_there_are_several() -> None:
    async with serving(api_keys=KEYS) as server:
        for key in ("sk-one", "sk-two", "sk-one"):
            await call(server.app, "POST", CHAT, body=GOOD, headers=[JSON, ("authorization", f"Bearer {key}")])
        first, second, third = [request.namespace for request in server.engine.requests]
        assert first == third
        assert first != second
        assert "sk-" not in first + second
    async with serving(api_keys=("sk-one",)) as server:
        await call(server.app, "POST", CHAT, body=GOOD, headers=[JSON, ("authorization", "Bearer sk-one")])
        assert server.engine.requests[0].namespace == ""


async def test_websockets_are_refused() -> None:
    async with serving() as server:
        sent: list[dict[str, object]] = []

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        async def receive() -> dict[str, object]:
            return {"type": "websocket.connect"}

        scope = {"type": "websocket", "path": "/health", "headers": [], "query_string": b"", "root_path": ""}
        await server.app(scope, receive, send)  # type: ignore[arg-type]
        assert [message["type"] for message in sent] == ["websocket.close"]


# -- content types -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json ;  charset=utf-8",
    ],
)
async def test_json_types(value: str) -> None:
    async with serving() as server:
        assert (await call(server.app, "POST", CHAT, body=GOOD, headers=[("content-type", value)])).status == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([], "unsupported_media_type"),
        ([("content-type", "")], "unsupported_media_type"),
        ([("content-type", "text/plain")], "unsupported_media_type"),
        ([("content-type", "application/x-www-form-urlencoded")], "unsupported_media_type"),
        ([("content-type", "multipart/form-data; boundary=x")], "unsupported_media_type"),
        ([("content-type", "application/json;charset=utf-16")], "unsupported_media_type"),
        ([("content-type", "application/jsonx")], "unsupported_media_type"),
        ([("content-type", "application/vnd.api+json")], "unsupported_media_type"),
        ([JSON, JSON], "unsupported_media_type"),
        ([JSON, ("content-encoding", "gzip")], "unsupported_content_encoding"),
        ([JSON, ("content-encoding", "zstd")], "unsupported_content_encoding"),
        ([JSON, ("content-encoding", "br")], "unsupported_content_encoding"),
    ],
)
async def test_other_types_and_encodings(headers: Headers, code: str) -> None:
    async with serving() as server:
        answer = await call(server.app, "POST", CHAT, body=GOOD, headers=headers)
        assert (answer.status, answer.json()["error"]["code"]) == (415, code)
        assert answer.headers["content-type"] == "application/json"


async def test_identity_is_no_encoding() -> None:
    async with serving() as server:
        answer = await call(server.app, "POST", CHAT, body=GOOD, headers=[JSON, ("content-encoding", "identity")])
        assert answer.status == 200


# -- routes ------------------------------------------------------------------------------------------


async def test_unknown_routes_and_methods() -> None:
    async with serving() as server:
        for path in ("/nope", "/v1/chat/completions/", "//v1/chat/completions", "/v1/../v1/chat/completions", "/%2e"):
            missing = await call(server.app, "POST", path, body=GOOD, headers=[JSON])
            assert (missing.status, missing.json()["error"]["code"]) == (404, "not_found")
        for method in ("GET", "PUT", "DELETE", "PATCH", "TRACE", "FOO"):
            wrong = await call(server.app, method, CHAT)
            assert (wrong.status, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
            assert wrong.headers["allow"] == "POST"


async def test_no_answer_names_the_server() -> None:
    async with serving() as server:
        for answer in (await server.chat(), await call(server.app, "GET", "/nope")):
            assert "server" not in answer.headers


# -- bodies ------------------------------------------------------------------------------------------


async def sink(scope: Scope, receive: Receive, send: Send) -> None:
    size = len(await read_body(receive))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


class Sink:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await sink(scope, receive, send)


def bounded(max_bytes: int, seconds: float = 30.0) -> Starlette:
    return Starlette(
        routes=[Route("/", Sink(), methods=["POST"])],
        middleware=[
            Middleware(RequestId),
            Middleware(ErrorBoundary),
            Middleware(Auth, keys=()),
            Middleware(BodyLimit, max_bytes=max_bytes, seconds=seconds),
        ],
    )


async def test_the_largest_body_passes_and_one_byte_more_does_not() -> None:
    app = bounded(1000)
    assert (await call(app, "POST", "/", body=b"x" * 1000)).body == b"1000"
    over = await call(app, "POST", "/", body=b"x" * 1001)
    assert (over.status, over.json()["error"]["code"]) == (413, "request_too_large")
    assert "1000" in over.json()["error"]["message"]
    assert over.headers["connection"] == "close"


@pytest.mark.parametrize("length", ["1001", "99999999999999999999999999", "9" * 5000])
async def test_a_declared_length_is_refused_before_a_byte_is_read(length: str) -> None:
    connection = Connection(bounded(1000), "POST", "/", [("content-length", length)])
    connection.start()
    await connection.ended()
    assert connection.answer.status == 413


async def test_a_growing_body_is_refused_as_soon_as_it_is_too_large() -> None:
    connection = Connection(bounded(1000), "POST", "/", [])
    connection.start()
    for _ in range(11):
        connection.feed(b"x" * 100, more=True)
    await connection.ended()
    assert connection.answer.status == 413


async def test_a_trickling_body_is_given_up() -> None:
    connection = Connection(bounded(1000, seconds=0.1), "POST", "/", [])
    connection.start()

    async def trickle() -> None:
        while True:
            connection.feed(b"x", more=True)
            await asyncio.sleep(0.01)

    feeding = asyncio.create_task(trickle())
    await connection.ended()
    feeding.cancel()
    assert connection.answer.status == 408
    assert connection.answer.json()["error"]["code"] == "body_timeout"


@pytest.mark.parametrize(("size", "elsewhere"), [(1000, False), (READ_IN_THREAD, True)])
async def test_large_bodies_are_decoded_and_checked_beside_the_event_loop(size: int, elsewhere: bool) -> None:
    threads: list[int] = []

    def parse(body: dict[str, object]) -> object:
        threads.append(threading.get_ident())
        return body["x"]

    async def receive() -> Message:
        return {"type": "http.request", "body": b'{"x":"%b"}' % (b"x" * size), "more_body": False}

    scope = {"type": "http", "headers": [(b"content-type", b"application/json")]}
    assert await read_request(scope, receive, parse) == "x" * size
    assert (threads != [threading.get_ident()]) is elsewhere
