"""The probes."""

from __future__ import annotations

import pytest

from sgl.server import health
from tests.asgi import Answer, call
from tests.fakes import FakeEngine
from tests.serving import Serving, serving

READINESS = ("/health", "/readyz", "/ping")


async def get(server: Serving, path: str) -> Answer:
    return await call(server.app, "GET", path)


@pytest.mark.parametrize("path", ["/livez", *READINESS, "/health_generate"])
async def test_probes_of_a_ready_server_say_200(path: str) -> None:
    async with serving() as server:
        assert (await get(server, path)).status == 200


async def test_readiness_costs_no_generation_and_the_canary_exactly_one_token() -> None:
    async with serving() as server:
        for path in READINESS:
            await get(server, path)
        assert server.engine.requests == []
        await get(server, "/health_generate")
        (request,) = server.engine.requests
        assert request.sampling.max_new_tokens == 1
        assert request.sampling.greedy
        assert request.sampling.ignore_eos


async def test_draining_server_lives_but_is_not_ready() -> None:
    async with serving() as server:
        server.client.begin_drain()
        for path in (*READINESS, "/health_generate"):
            answer = await get(server, path)
            assert (answer.status, answer.json()["error"]["code"]) == (503, "draining")
            assert "retry-after" in answer.headers
        assert (await get(server, "/livez")).status == 200


async def test_dead_engine_is_not_ready() -> None:
    async with serving() as server:
        server.client.start()
        server.engine.die()
        assert (await get(server, "/health_generate")).status == 503
        for path in READINESS:
            answer = await get(server, path)
            assert (answer.status, answer.json()["error"]["code"]) == (503, "engine_dead")


async def test_engine_that_does_not_generate_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "GENERATE_SECONDS", 0.02)
    async with serving(FakeEngine(held=True)) as server:
        answer = await get(server, "/health_generate")
        assert answer.status == 503
        assert "0.02 seconds" in answer.json()["error"]["message"]
        assert server.client.in_flight == 0
        assert (await get(server, "/health")).status == 200


async def test_only_the_probes_of_a_load_balancer_need_no_key() -> None:
    async with serving(api_keys=("key",)) as server:
        for path in ("/livez", "/readyz", "/health", "/health_generate"):
            assert (await get(server, path)).status == 200
        assert (await get(server, "/ping")).status == 401
