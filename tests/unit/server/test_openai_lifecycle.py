"""Requests that do not simply run to their end: clients that leave or do not read, deadlines, shutdown, death."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

import pytest

from sgl.errors import EngineFailure
from sgl.protocol.messages import Failed
from sgl.server import sse
from tests.asgi import Connection, parse_events, until
from tests.fakes import FakeEngine
from tests.serving import CHAT, COMPLETIONS, MODEL, Serving, serving

ENDLESS = {"max_tokens": 400}


def chat_body(**fields: object) -> dict[str, object]:
    return {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], **ENDLESS, **fields}


def completion_body(**fields: object) -> dict[str, object]:
    return {"model": MODEL, "prompt": "Hi", **ENDLESS, **fields}


async def freed(server: Serving) -> float:
    """Seconds until nothing runs any more, in the client and in the engine."""
    began = time.monotonic()
    await until(lambda: server.client.in_flight == 0 and server.engine.running == 0)
    return time.monotonic() - began


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS])
@pytest.mark.parametrize("choices", [1, 3])
async def test_leaving_in_mid_stream_frees_everything_at_once(path: str, choices: int) -> None:
    body = (chat_body if path == CHAT else completion_body)(stream=True, n=choices)
    async with serving(FakeEngine(step_delay=0.002)) as server:
        connection = server.open(path, body)
        await connection.until_sent(4)
        connection.disconnect()
        assert await freed(server) < 0.5
        await connection.ended()
        assert len(server.engine.aborts) == choices
        assert not any(message.get("more_body") is False for message in connection.sent)
        assert (await server.chat(max_tokens=2)).status == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_leaving_while_queued_sends_nothing(stream: bool) -> None:
    async with serving(FakeEngine(held=True)) as server:
        connection = server.open(CHAT, chat_body(stream=stream))
        await until(lambda: server.client.in_flight == 1)
        connection.disconnect()
        assert await freed(server) < 0.5
        await connection.ended()
        assert connection.sent == []


async def test_leaving_while_waiting_for_a_whole_answer() -> None:
    async with serving(FakeEngine(step_delay=0.002)) as server:
        connection = server.open(CHAT, chat_body())
        await until(lambda: server.engine.steps > 3)
        connection.disconnect()
        assert await freed(server) < 0.5
        await connection.ended()
        assert connection.sent == []


async def test_leaving_before_the_body_is_complete() -> None:
    async with serving() as server:
        connection = Connection(server.app, "POST", CHAT, [("content-type", "application/json")])
        connection.feed(b'{"model": ', more=True)
        connection.start()
        connection.disconnect()
        await connection.ended()
        assert connection.sent == []
        assert server.engine.requests == []


async def test_bytes_after_the_body_do_not_end_the_stream() -> None:
    async with serving(FakeEngine(step_delay=0.001)) as server:
        connection = server.open(CHAT, chat_body(stream=True, max_tokens=20))
        await connection.until_sent(3)
        connection.feed(b"more")
        await connection.ended()
        assert parse_events(connection.answer.body)[-1] == "[DONE]"


async def test_storm_of_leaving_clients_leaves_nothing() -> None:
    async with serving(FakeEngine(step_delay=0.001)) as server:
        for _ in range(5):
            connections = [server.open(CHAT, chat_body(stream=bool(i % 2))) for i in range(40)]
            await asyncio.sleep(0.005)
            for connection in connections:
                connection.disconnect()
            for connection in connections:
                await connection.ended()
            assert await freed(server) < 0.5
        assert (await server.chat(max_tokens=2)).status == 200


async def test_a_reader_that_never_reads_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse.EventStream.__init__, "__defaults__", (0.2,))
    async with serving(FakeEngine(step_delay=0.001)) as server:
        connection = server.open(CHAT, chat_body(stream=True))
        await connection.until_sent(3)
        connection.blocked = True
        began = time.monotonic()
        await connection.ended()
        assert 0.15 < time.monotonic() - began < 8
        assert server.client.in_flight == 0
        assert not any(message.get("more_body") is False for message in connection.sent)


async def test_a_slow_reader_gets_everything_in_fewer_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse.EventStream.__init__, "__defaults__", (0.5,))
    async with serving(FakeEngine(step_delay=0.001)) as server:
        whole = (await server.chat("Hi", max_tokens=100)).json()["choices"][0]["message"]["content"]
        connection = server.open(CHAT, chat_body(stream=True, max_tokens=100))
        for _ in range(4):
            await asyncio.sleep(0.05)
            connection.blocked = True
            await asyncio.sleep(0.1)
            connection.blocked = False
        await connection.ended()
        *events, done = parse_events(connection.answer.body)
        assert done == "[DONE]"
        assert "".join(event["choices"][0]["delta"].get("content", "") for event in events) == whole
        assert len(events) < 100


@pytest.mark.parametrize("stream", [False, True])
async def test_waiting_too_long_for_a_turn(stream: bool) -> None:
    async with serving(FakeEngine(held=True), queue_timeout=0.05) as server:
        answer = await server.chat(stream=stream)
        assert answer.status == 503
        assert answer.json()["error"]["code"] == "queue_timeout"
        assert "retry-after" in answer.headers
        assert server.client.in_flight == 0


async def test_the_queue_deadline_does_not_end_what_has_begun() -> None:
    async with serving(FakeEngine(step_delay=0.01), queue_timeout=0.05) as server:
        answer = await server.chat(max_tokens=20)
        assert answer.status == 200
        assert answer.json()["usage"]["completion_tokens"] == 20


async def test_taking_too_long_is_504_for_a_whole_answer_and_an_event_in_a_stream() -> None:
    async with serving(FakeEngine(step_delay=0.01), request_timeout=0.1) as server:
        answer = await server.chat(**ENDLESS)
        assert answer.status == 504
        assert answer.json()["error"]["code"] == "request_timeout"
        assert "retry-after" in answer.headers
        streamed = await server.chat(stream=True, **ENDLESS)
        assert streamed.status == 200
        *_, error, done = streamed.events()
        assert error["error"]["code"] == "request_timeout"
        assert done == "[DONE]"
        assert server.client.in_flight == 0


async def test_shutdown_refuses_new_requests_and_finishes_old_ones() -> None:
    async with serving(FakeEngine(step_delay=0.002)) as server:
        connection = server.open(CHAT, chat_body(stream=True, max_tokens=50))
        await connection.until_sent(3)
        server.client.begin_drain()
        refused = await server.chat()
        assert refused.status == 503
        assert refused.json()["error"]["code"] == "draining"
        assert "retry-after" in refused.headers
        await connection.ended()
        assert parse_events(connection.answer.body)[-1] == "[DONE]"
        assert b'"finish_reason":"length"' in connection.answer.body


async def test_an_abort_by_the_operator_is_an_error_event() -> None:
    async with serving(FakeEngine(step_delay=0.002)) as server:
        connection = server.open(CHAT, chat_body(stream=True))
        await connection.until_sent(3)
        server.client.abort_all()
        await connection.ended()
        *_, error, done = parse_events(connection.answer.body)
        assert error["error"]["code"] == "request_aborted"
        assert done == "[DONE]"


async def test_death_of_the_engine_tells_everyone() -> None:
    async with serving(FakeEngine(step_delay=0.002)) as server:
        streaming = server.open(CHAT, chat_body(stream=True))
        waiting = server.open(CHAT, chat_body())
        await streaming.until_sent(3)
        server.engine.die()
        await streaming.ended()
        await waiting.ended()
        *_, error, done = parse_events(streaming.answer.body)
        assert error["error"] == {**error["error"], "type": "server_error", "code": "engine_dead"}
        assert done == "[DONE]"
        assert waiting.answer.status == 503
        assert waiting.answer.json()["error"]["code"] == "engine_dead"
        assert "retry-after" in waiting.answer.headers
        assert (await server.chat()).status == 503


async def test_failure_in_mid_stream_is_the_last_event() -> None:
    async with serving(FakeEngine(step_delay=0.002)) as server:
        connection = server.open(CHAT, chat_body(stream=True))
        await connection.until_sent(3)
        rid = server.engine.requests[0].rid
        server.engine.say(Failed(rid=rid, message="NaN.", http_status=500, type="server_error", code="nan_logits"))
        await connection.ended()
        *_, error, done = parse_events(connection.answer.body)
        assert error == {"error": {"message": "NaN.", "type": "server_error", "param": None, "code": "nan_logits"}}
        assert done == "[DONE]"


async def test_a_bug_of_ours_tells_a_client_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> bytes:
        raise ValueError("secret at 0x7f0000000000")

    async with serving(FakeEngine(step_delay=0.001)) as server:
        with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
            patch.setattr("sgl.server.chat.ChatAnswer.body", broken)
            patch.setattr("sgl.server.chat.ChatAnswer.chunks", broken)
            whole = await server.chat(stream=False)
            assert whole.status == 500
            assert whole.json()["error"]["code"] == "internal_error"
            streamed = await server.chat(stream=True)
            error, done = streamed.events()
            assert done == "[DONE]"
        for answer in (whole, streamed):
            assert b"secret" not in answer.body
            assert answer.headers["x-request-id"].encode() in answer.body
            assert answer.headers["x-request-id"] in caplog.text
        assert error["error"]["type"] == "server_error"
        assert server.client.in_flight == 0
        assert (await server.chat()).status == 200


async def test_cancelling_the_server_task_frees_the_request() -> None:
    async with serving(FakeEngine(step_delay=0.002)) as server:
        connection = Connection(server.app, "POST", CHAT, [("content-type", "application/json")])
        connection.feed(b'{"model":"default","messages":[{"role":"user","content":"Hi"}],"stream":true}')
        task = connection.start()
        await connection.until_sent(3)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert server.client.in_flight == 0


async def test_an_engine_failure_keeps_its_status() -> None:
    ids = [1, 300]
    async with serving(FakeEngine(failures={tuple(ids): EngineFailure("Sorry.")})) as server:
        assert (await server.complete(ids)).status == 500
