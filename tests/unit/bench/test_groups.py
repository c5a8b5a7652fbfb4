"""Errors in groups, cached tokens, and the server's own counters."""

from __future__ import annotations

import pytest

from sgl_cli.bench.metrics.cache import cache_hits
from sgl_cli.bench.metrics.errors import group_errors
from sgl_cli.bench.metrics.latency import latency_of
from sgl_cli.bench.metrics.server import server_side
from sgl_cli.bench.target.metrics import read_metrics, with_peak

from .synthetic import answer, failed


def test_numbers_and_ids_do_not_split_a_group() -> None:
    records = [
        failed(message="request 17 waited 1.5 s"),
        failed(message="request 18 waited 22 s"),
        failed(message="no page at 0x7fff12ab for 3f2a9c1d-1111-2222-3333-444455556666"),
        failed(message="no page at 0x7ffe00cd for 00ff00ff-aaaa-bbbb-cccc-ddddeeee0001"),
        failed(message="request 17 waited 1.5 s", status=503),
        answer(),
    ]
    groups = group_errors(records)
    assert [(group.status, group.count) for group in groups] == [(500, 2), (500, 2), (503, 1)]
    assert groups[0].message == "request N waited N s"
    assert groups[0].example == "request 17 waited 1.5 s"
    assert groups[1].message == "no page at N for N"


def test_the_five_largest_groups_are_named() -> None:
    words = ["one", "two", "three", "four", "five", "six", "seven"]
    records = [failed(message=word) for number, word in enumerate(words) for _ in range(number + 1)]
    assert [group.example for group in group_errors(records)] == ["seven", "six", "five", "four", "three"]


def test_a_page_in_place_of_a_message_is_cut() -> None:
    assert len(group_errors([failed(message="x" * 100_000)])[0].example) == 500


def test_cached_of_the_prompts_that_say_so() -> None:
    latencies = [
        latency_of(answer(input_tokens=100, cached_tokens=80)),
        latency_of(answer(input_tokens=50, cached_tokens=0)),
        latency_of(answer(input_tokens=1000)),
    ]
    found = cache_hits(latencies)
    assert found is not None
    assert (found.share, found.requests) == (80 / 150, 2)
    assert cache_hits(latencies[2:]) is None


@pytest.mark.parametrize(
    ("queue", "prompts", "cached"),
    [
        ("sgl:request_queue_time_seconds", "sgl:prompt_tokens_total", "sgl:cached_tokens_total"),
        ("vllm:request_queue_time_seconds", "vllm:prompt_tokens_total", "vllm:prefix_cache_hits_total"),
        ("sglang:queue_time_seconds", "sglang:prompt_tokens_total", "sglang:cached_tokens_total"),
    ],
)
def test_the_server_between_two_looks(queue: str, prompts: str, cached: str) -> None:
    before = {f"{queue}_sum": 10.0, f"{queue}_count": 100.0, prompts: 1000.0, cached: 10.0}
    after = {f"{queue}_sum": 12.0, f"{queue}_count": 150.0, prompts: 1400.0, cached: 110.0}
    after[f'{queue}_bucket{{le="0.3"}}'] = 150.0
    found = server_side(before, after)
    assert found is not None
    assert found.to_json() == {
        "queue_mean_ms": pytest.approx(40),
        "prompt_tok": 400,
        "cached_tok": 100,
        "cache_hit": 0.25,
        "restarted": False,
    }


def test_series_with_labels_add_up() -> None:
    before = {'vllm:prompt_tokens_total{engine="0"}': 5.0, 'vllm:prompt_tokens_total{engine="1"}': 6.0}
    after = {'vllm:prompt_tokens_total{engine="0"}': 8.0, 'vllm:prompt_tokens_total{engine="1"}': 16.0}
    found = server_side(before, after)
    assert found is not None
    assert found.counts == {"prompt_tok": 13.0}


def test_a_restart_takes_the_growth_away() -> None:
    found = server_side({"sgl:prompt_tokens_total": 500.0}, {"sgl:prompt_tokens_total": 20.0, "sgl:x": 1.0})
    assert found is not None
    assert found.restarted
    assert found.counts == {}


def test_a_server_that_tells_nothing() -> None:
    assert server_side({}, {}) is None
    assert server_side({"process_cpu_seconds_total": 1.0}, {"process_cpu_seconds_total": 2.0}) is None
    gauges = server_side({}, {"sgl:kv_cache_usage_perc": 0.5, "kv_usage_peak": 0.75, "sgl:prompt_tokens_total": 9.0})
    assert gauges is not None
    assert (gauges.gauges, gauges.counts) == ({"kv_usage_end": 0.5, "kv_usage_peak": 0.75}, {})


def test_the_clients_reader_of_metrics_and_this_one_agree() -> None:
    texts = [
        f"""# TYPE vllm:num_preemptions counter
vllm:num_preemptions_total{{engine="0"}} {count}
vllm:num_preemptions_total{{engine="1"}} 1
vllm:request_queue_time_seconds_sum{{engine="0"}} {count / 10}
vllm:request_queue_time_seconds_count{{engine="0"}} {count}
vllm:request_queue_time_seconds_bucket{{engine="0",le="0.3"}} {count}
vllm:kv_cache_usage_perc{{engine="0"}} 0.25
"""
        for count in (2, 7)
    ]
    before, after = map(read_metrics, texts)
    found = server_side(before, with_peak(after, 0.5))
    assert found is not None
    assert found.to_json() == {
        "queue_mean_ms": pytest.approx(100),
        "preemptions": 5,
        "kv_usage_peak": 0.5,
        "kv_usage_end": 0.25,
        "restarted": False,
    }
