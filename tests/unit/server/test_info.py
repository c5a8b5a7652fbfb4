"""What the server says about itself."""

from __future__ import annotations

import pytest

from sgl.config.engine import EngineConfig
from sgl.config.server import ServerConfig
from sgl.server.app import build_app
from tests.asgi import Answer, call
from tests.fakes import FakeEngine, fake_info
from tests.serving import MODEL, STORIES, Serving, serving


async def get(server: Serving, path: str) -> Answer:
    return await call(server.app, "GET", path)


async def test_models_are_listed_under_every_name() -> None:
    async with serving() as server:
        body = (await get(server, "/v1/models")).json()
    assert body["object"] == "list"
    assert [card["id"] for card in body["data"]] == [MODEL, "second-name"]
    card = body["data"][0]
    assert card["created"] > 1_700_000_000
    assert {key: value for key, value in card.items() if key not in ("id", "created")} == {
        "object": "model",
        "owned_by": "sgl",
        "root": str(STORIES),
        "parent": None,
        "max_model_len": 512,
        "context_length": 512,
        "context_window": 512,
    }


async def test_one_model_is_found_by_its_name() -> None:
    async with serving() as server:
        assert (await get(server, "/v1/models/second-name")).json()["id"] == "second-name"
        answer = await get(server, "/v1/models/org/other")
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["param"]) == (404, "model_not_found", "model")


@pytest.mark.parametrize("path", ["/model_info", "/get_model_info"])
async def test_model_info_has_sglangs_keys(path: str) -> None:
    async with serving() as server:
        body = (await get(server, path)).json()
    assert body == {
        "model_path": str(STORIES),
        "served_model_name": MODEL,
        "tokenizer_path": str(STORIES),
        "is_generation": True,
        "preferred_sampling_params": None,
        "weight_version": "default",
        "load_format": "safetensors",
        "reasoning_parser": None,
        "tool_call_parser": None,
        "disaggregation_mode": "null",
        "has_image_understanding": False,
        "has_audio_understanding": False,
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
    }


@pytest.mark.parametrize("path", ["/server_info", "/get_server_info"])
async def test_server_info_is_resolved_flat_and_has_the_internal_state(path: str) -> None:
    info = fake_info(settings={"dtype": "float32", "page_size": 16}, load_seconds={"weights": 1.5, "warm up": 0.5})
    async with serving(FakeEngine(info)) as server:
        app = build_app(server.client, ServerConfig(engine=EngineConfig(model_path=str(STORIES))), startup_seconds=2.5)
        body = (await call(app, "GET", path)).json()
    assert body["model_path"] == body["tokenizer_path"] == str(STORIES)
    assert (body["dtype"], body["page_size"]) == ("float32", 16)
    assert body["served_model_name"] == str(STORIES)
    assert body["max_total_num_tokens"] == 4096
    assert body["startup_time"] == 2.5
    assert body["startup_phases"] == {"weights": 1.5, "warm up": 0.5}
    assert body["version"]
    (state,) = body["internal_states"]
    assert state["effective_max_running_requests_per_dp"] == 16
    assert state["last_gen_throughput"] == 0.0
    assert state["memory_usage"].keys() == {"weight", "kvcache", "token_capacity", "graph"}
    assert state["memory_usage"]["token_capacity"] == 4096
    # The official bench client would take these for the answer of a router.
    assert not body.keys() & {"decode", "prefill"}


async def test_server_info_tells_how_fast_the_last_tokens_came() -> None:
    async with serving(FakeEngine(step_delay=0.01)) as server:
        await server.complete(max_tokens=10)
        (state,) = (await get(server, "/server_info")).json()["internal_states"]
    assert 10 < state["last_gen_throughput"] < 110


async def test_no_secret_is_told_by_any_route() -> None:
    headers = [("authorization", "Bearer s3cret-key")]
    async with serving(api_keys=("s3cret-key", "other-s3cret")) as server:
        for path in ("/server_info", "/get_server_info", "/model_info", "/v1/models", "/metrics", "/"):
            answer = await call(server.app, "GET", path, headers=headers)
            assert answer.status == 200
            assert b"s3cret" not in answer.body
            assert b"api_key" not in answer.body


async def test_server_info_is_there_without_an_engine() -> None:
    async with serving() as server:
        server.client.start()
        server.engine.die()
        assert (await get(server, "/server_info")).status == 200


async def test_page_for_a_browser_shows_the_model_and_runs_nothing() -> None:
    async with serving() as server:
        answer = await get(server, "/")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert MODEL in answer.body.decode()


async def test_page_escapes_the_model_name() -> None:
    async with serving() as server:
        config = ServerConfig(engine=EngineConfig(model_path=str(STORIES)), served_model_name=("<script>",))
        answer = await call(build_app(server.client, config), "GET", "/")
    assert b"<script>" not in answer.body
    assert b"&lt;script&gt;" in answer.body
