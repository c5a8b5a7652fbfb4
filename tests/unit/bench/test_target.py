"""The server under test: what it says, what it accepts, and that no key of anybody's is shown."""

from __future__ import annotations

from typing import Any

import pytest

from sgl_cli.bench.target.cache import flush_cache
from sgl_cli.bench.target.facts import server_facts, without_secrets
from sgl_cli.bench.target.find import found
from sgl_cli.bench.target.metrics import kv_usage, read_metrics
from sgl_cli.bench.target.probe import ProbeFailed, probe
from sgl_cli.bench.target.ready import NeverReady, wait_until_ready
from sgl_cli.bench.target.target import Target
from sgl_cli.bench.wire.ask import Api, Ask
from sgl_cli.chat.client.wish import Wish
from tests.fake_bench_server import fake_bench_server
from tests.unit.bench.loads import target_of


@pytest.mark.parametrize(
    ("url", "api", "path", "expected"),
    [
        ("http://h:1/v1", "chat", None, "/v1/chat/completions"),
        ("http://h:1/v1", "completions", None, "/v1/completions"),
        ("http://h:1/v1", "generate", None, "/generate"),
        ("https://h/proxy/v1", "chat", None, "/proxy/v1/chat/completions"),
        ("https://h/proxy/v1", "generate", None, "/proxy/generate"),
        ("https://h/api/v3", "chat", None, "/api/v3/chat/completions"),
        ("http://h:1/v1", "chat", "v2/talk", "/v2/talk"),
    ],
)
def test_where_requests_go(url: str, api: Api, path: str | None, expected: str) -> None:
    assert Target(url, api, path=path).request_path == expected


def test_a_server_is_found_as_the_chat_finds_it() -> None:
    with fake_bench_server(key="abc") as server, found(Wish(url=server.root, key="abc"), environ={}) as there:
        assert (there.url, there.model, there.started_here) == (server.url, "fake", False)
        target = there.target("chat", Ask(usage=False))
    assert (target.ask.model, target.ask.usage) == ("fake", False)
    assert "abc" not in repr(target) + repr(there.target("chat")).replace("key='abc'", "SHOWN")


@pytest.mark.parametrize(
    ("refuses", "usage", "continuous", "ignore_eos", "notes"),
    [
        ((), True, True, True, 0),
        (("continuous_usage_stats",), True, False, True, 1),
        (("stream_options",), False, False, True, 1),
        (("ignore_eos", "continuous_usage_stats"), True, False, False, 2),
    ],
)
def test_the_probe_leaves_out_what_is_refused(
    refuses: tuple[str, ...], usage: bool, continuous: bool, ignore_eos: bool, notes: int
) -> None:
    with fake_bench_server(refuses=refuses, ttft=0, per_token=0) as server:
        probed = probe(target_of(server, "chat"))
    ask = probed.target.ask
    assert (ask.usage, ask.continuous_usage, ask.ignore_eos) == (usage, continuous, ignore_eos)
    assert len(probed.notes) == notes
    assert probed.record.failure is None


def test_the_probe_says_why_it_failed() -> None:
    with fake_bench_server(key="abc") as server:
        with pytest.raises(ProbeFailed, match=r"/v1/completions does not answer a test request: Incorrect API key"):
            probe(target_of(server, key="wrong"))
        with pytest.raises(ProbeFailed, match="Not Found"):
            probe(Target(server.url, "chat", Ask("fake"), "abc", path="/nowhere"))


def test_facts_have_no_secrets() -> None:
    with fake_bench_server() as server:
        facts = server_facts(target_of(server, key="fa"))
    assert (facts.software, facts.version, facts.context, facts.vocabulary) == ("sgl", "1.2.3", 4096, 512)
    assert facts.info["api_key"] == "***"
    assert "very-secret" not in str(facts.to_json())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"admin_api_key": "x", "api_key": None}, {"admin_api_key": "***", "api_key": None}),
        ("python -m s --api-key x --port 1", "python -m s --api-key *** --port 1"),
        (["s", "--admin-api-key=x", "y"], ["s", "--admin-api-key=***", "y"]),
        ({"deep": [{"note": "the key is k-1"}]}, {"deep": [{"note": "the key is ***"}]}),
        ({"max_total_num_tokens": 5, "tokenizer": "t"}, {"max_total_num_tokens": 5, "tokenizer": "t"}),
    ],
)
def test_secrets_are_hidden(value: Any, expected: Any) -> None:
    assert without_secrets(value, "k-1") == expected


METRICS = """# HELP vllm:x about
vllm:num_preemptions_total{engine="0",note="a } b"} 2
vllm:num_preemptions_total{engine="1"} 3.0 1700000000
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:kv_cache_usage_perc{engine="1"} 0.75
vllm:request_queue_time_seconds_sum 1.5
vllm:request_queue_time_seconds_bucket{le="1.0"} 7
vllm:bad NaN
python_gc 3
"""


def test_metrics_are_added_up_by_name_and_shares_averaged() -> None:
    assert read_metrics(METRICS) == {
        "vllm:num_preemptions_total": 5.0,
        "vllm:kv_cache_usage_perc": 0.5,
        "vllm:request_queue_time_seconds_sum": 1.5,
    }
    assert kv_usage(METRICS) == 0.5
    assert kv_usage("x") is None
    assert read_metrics("<html>") == {}


def test_the_cache_is_flushed() -> None:
    with fake_bench_server() as server:
        assert flush_cache(target_of(server)) == ""
        assert server.counts()["flushes"] == 1
    assert "was not flushed" in flush_cache(target_of(server))


def test_waiting_until_a_server_is_ready() -> None:
    waits: list[float] = []
    with fake_bench_server(ready_after=0.7) as server:
        with pytest.raises(NeverReady, match="not ready within 0 s: loading the model") as caught:
            wait_until_ready(target_of(server), 0)
        assert caught.value.exit_code == 5
        wait_until_ready(target_of(server), 20, waits.append)
        assert waits
    with fake_bench_server(key="abc") as server, pytest.raises(NeverReady, match="refuses the key"):
        wait_until_ready(target_of(server), 20)
