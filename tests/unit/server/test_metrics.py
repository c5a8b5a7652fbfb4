"""/metrics: what Prometheus, and dashboards made for vLLM and SGLang, read."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from sgl.errors import EngineFailure
from tests.asgi import call
from tests.fakes import FakeEngine
from tests.serving import MODEL, Serving, serving

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

VLLM = (
    "num_requests_running",
    "num_requests_waiting",
    "kv_cache_usage_perc",
    "prefix_cache_queries_total",
    "prefix_cache_hits_total",
    "prompt_tokens_total",
    "generation_tokens_total",
    "time_to_first_token_seconds_bucket",
    "inter_token_latency_seconds_bucket",
    "request_time_per_output_token_seconds_bucket",
    "e2e_request_latency_seconds_bucket",
    "request_queue_time_seconds_bucket",
    "request_prefill_time_seconds_bucket",
    "request_decode_time_seconds_bucket",
    "request_prompt_tokens_bucket",
    "request_generation_tokens_bucket",
    "request_success_total",
    "num_preemptions_total",
)
SGLANG = (
    "num_running_reqs",
    "num_queue_reqs",
    "token_usage",
    "cache_hit_rate",
    "gen_throughput",
    "time_to_first_token_seconds_bucket",
    "inter_token_latency_seconds_bucket",
    "e2e_request_latency_seconds_bucket",
    "queue_time_seconds_bucket",
    "num_retracted_reqs",
    "startup_time_seconds",
    "prompt_tokens_total",
    "cached_tokens_total",
)
OWN = ("num_requests_running", "time_to_first_token_seconds_sum", "engine_up", "draining", "kv_tokens")


async def scrape(server: Serving) -> Samples:
    """All samples, by name and labels; the text must parse."""
    answer = await call(server.app, "GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset({"model_name": MODEL, **labels}.items())]


async def test_every_promised_name_is_there_from_the_start() -> None:
    async with serving() as server:
        samples = await scrape(server)
    names = {name for name, _ in samples}
    for prefix, expected in (("vllm", VLLM), ("sglang", SGLANG), ("sgl", OWN)):
        assert {f"{prefix}:{name}" for name in expected} - names == set()
    assert all(("model_name", MODEL) in labels for _, labels in samples)


async def test_tokens_and_requests_add_up_over_routes() -> None:
    async with serving() as server:
        native = (await server.post("/generate", {"text": "Once", "sampling_params": {"max_new_tokens": 5}})).json()
        chat = (await server.chat(max_tokens=7)).json()
        again = (await server.chat(max_tokens=7)).json()
        samples = await scrape(server)
    prompt = native["meta_info"]["prompt_tokens"] + 2 * chat["usage"]["prompt_tokens"]
    cached = sum(body["usage"]["prompt_tokens_details"]["cached_tokens"] for body in (chat, again))
    assert cached > 0
    for name in ("sgl:prompt_tokens_total", "vllm:prefix_cache_queries_total", "sglang:prompt_tokens_total"):
        assert value(samples, name) == prompt
    for name in ("sgl:cached_tokens_total", "vllm:prefix_cache_hits_total", "sglang:cached_tokens_total"):
        assert value(samples, name) == cached
    assert value(samples, "vllm:generation_tokens_total") == 19
    assert value(samples, "sglang:cache_hit_rate") == pytest.approx(cached / prompt)
    assert value(samples, "vllm:request_success_total", finished_reason="length") == 3
    assert value(samples, "vllm:request_success_total", finished_reason="stop") == 0


async def test_each_token_after_the_first_is_one_interval() -> None:
    async with serving(FakeEngine(step_delay=0.003, tokens_per_step=2)) as server:
        await server.complete(max_tokens=8)
        samples = await scrape(server)
    assert value(samples, "sgl:time_to_first_token_seconds_count") == 1
    # The first step brought two tokens: they have no interval between them.
    assert value(samples, "sgl:inter_token_latency_seconds_count") == 6
    assert value(samples, "sgl:inter_token_latency_seconds_sum") >= 3 * 0.003
    assert value(samples, "sgl:e2e_request_latency_seconds_sum") >= 4 * 0.003
    assert value(samples, "sgl:request_generation_tokens_sum") == 8
    assert value(samples, "sgl:request_queue_time_seconds_sum") == 0.001
    assert value(samples, "sgl:request_prefill_time_seconds_sum") == 0.002
    assert value(samples, "sgl:request_decode_time_seconds_sum") == 0.003


async def test_buckets_are_cumulative_and_vllms() -> None:
    async with serving() as server:
        await server.complete(max_tokens=8)
        samples = await scrape(server)
    bounds = {
        float(dict(labels)["le"]): count
        for (name, labels), count in samples.items()
        if name == "vllm:request_generation_tokens_bucket"
    }
    assert sorted(bounds) == [1, 2, 5, 10, 20, 50, 100, 200, 500, float("inf")]
    assert bounds[5] == 0
    assert bounds[10] == bounds[float("inf")] == 1
    assert value(samples, "vllm:time_to_first_token_seconds_bucket", le="2560.0") == 1


async def test_request_without_new_tokens_counts_its_prompt() -> None:
    async with serving() as server:
        answer = await server.post("/generate", {"text": "Once", "sampling_params": {"max_new_tokens": 0}})
        samples = await scrape(server)
    assert value(samples, "sgl:prompt_tokens_total") == answer.json()["meta_info"]["prompt_tokens"]
    assert value(samples, "sgl:time_to_first_token_seconds_count") == 0


async def test_aborts_and_failures_are_told_apart() -> None:
    failure = EngineFailure("no")
    async with serving(FakeEngine(step_delay=0.005, failures={(1, 300): failure})) as server:
        await server.post("/generate", {"input_ids": [1, 300]})
        connection = server.open("/generate", {"text": "Once", "sampling_params": {"max_new_tokens": 300}})
        while not server.engine.running:
            await asyncio.sleep(0.002)
        assert value(await scrape(server), "vllm:num_requests_running") == 1
        connection.disconnect()
        await connection.ended()
        samples = await scrape(server)
    assert value(samples, "sgl:request_success_total", finished_reason="error") == 1
    assert value(samples, "sgl:request_success_total", finished_reason="abort") == 1
    assert value(samples, "vllm:num_requests_running") == 0
    assert value(samples, "sgl:num_requests_in_flight") == 0
    assert value(samples, "sgl:e2e_request_latency_seconds_count") == 0


async def test_waiting_requests_are_shown() -> None:
    async with serving(FakeEngine(held=True)) as server:
        connection = server.open("/generate", {"text": "Once"})
        while not server.client.in_flight:
            await asyncio.sleep(0.002)
        samples = await scrape(server)
        assert value(samples, "sglang:num_queue_reqs") == 1
        assert value(samples, "sglang:num_running_reqs") == 0
        connection.disconnect()
        await connection.ended()


async def test_metrics_outlive_the_engine() -> None:
    async with serving() as server:
        await server.complete(max_tokens=3)
        server.engine.die()
        await asyncio.sleep(0.01)
        samples = await scrape(server)
    assert value(samples, "sgl:engine_up") == 0
    assert value(samples, "sgl:generation_tokens_total") == 3


async def test_nothing_enters_the_process_wide_registry() -> None:
    before = {metric.name for metric in REGISTRY.collect()}
    async with serving() as one, serving() as other:
        await one.complete(max_tokens=3)
        assert value(await scrape(other), "sgl:generation_tokens_total") == 0
    assert {metric.name for metric in REGISTRY.collect()} == before
