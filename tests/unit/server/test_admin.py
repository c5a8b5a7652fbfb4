"""The operator's routes."""

from __future__ import annotations

import asyncio

import pytest

from tests.asgi import call
from tests.fakes import FakeEngine
from tests.serving import serving


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_flush_answers_200_in_plain_text(method: str) -> None:
    async with serving() as server:
        await server.complete()
        # As SGLang's frontend sends it: no body, and a content type all the same.
        headers = [("content-type", "application/json; charset=utf-8")]
        answer = await call(server.app, method, "/flush_cache", headers=headers)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/plain")
        again = await server.complete()
    assert again.json()["usage"]["prompt_tokens_details"]["cached_tokens"] == 0


async def test_flush_while_requests_run_is_400_and_says_so() -> None:
    async with serving(FakeEngine(step_delay=0.01)) as server:
        running = server.open("/generate", {"text": "a", "sampling_params": {"max_new_tokens": 200}})
        while not server.engine.running:
            await asyncio.sleep(0.005)
        answer = await call(server.app, "POST", "/flush_cache")
        running.disconnect()
        await running.ended()
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (400, "requests_running")
    assert "running" in error["message"]


async def test_flush_can_wait_for_running_requests() -> None:
    async with serving(FakeEngine(step_delay=0.002)) as server:
        running = server.open("/generate", {"text": "a", "sampling_params": {"max_new_tokens": 20}})
        while not server.engine.running:
            await asyncio.sleep(0.001)
        answer = await call(server.app, "POST", "/flush_cache?timeout=10")
        assert answer.status == 200
        await running.ended()
        assert running.answer.status == 200


@pytest.mark.parametrize("timeout", ["-1", "nan", "inf", "x", "", "601"])
async def test_flush_refuses_a_bad_timeout(timeout: str) -> None:
    async with serving() as server:
        answer = await call(server.app, "POST", f"/flush_cache?timeout={timeout}")
    error = answer.json()["error"]
    assert (answer.status, error["param"]) == (400, "timeout")


async def test_abort_all_ends_every_request() -> None:
    async with serving(FakeEngine(step_delay=0.01)) as server:
        body = {"text": ["a", "b", "c"], "sampling_params": {"max_new_tokens": 200}}
        running = server.open("/generate", body)
        while server.engine.running < 3:
            await asyncio.sleep(0.005)
        answer = await server.post("/abort_request", {"rid": "", "abort_all": True})
        assert answer.json() == {"aborted": 3}
        await running.ended()
        assert [one["meta_info"]["finish_reason"]["type"] for one in running.answer.json()] == ["abort"] * 3
        assert server.engine.running == 0


async def test_abort_needs_to_know_what() -> None:
    async with serving() as server:
        for body in ({}, {"rid": ""}, {"rid": None, "abort_all": False}):
            answer = await server.post("/abort_request", body)
            error = answer.json()["error"]
            assert (answer.status, error["param"], error["code"]) == (400, "rid", "missing_required_parameter")
        assert (await server.post("/abort_request", {"rid": ["a"]})).status == 400
        assert (await server.post("/abort_request", {"rid": "unknown"})).json() == {"aborted": 0}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/start_profile", "/stop_profile"])
async def test_profile_routes_answer_honestly(method: str, path: str) -> None:
    async with serving() as server:
        answer = await call(server.app, method, path)
    assert answer.status == 200
    assert b"no profiler" in answer.body
