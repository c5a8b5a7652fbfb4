"""What servers say about themselves: ours, SGLang's, vLLM's, and those that say nothing."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from sgl import __version__
from sgl_cli.chat.client.about import About, Inspector, read_about
from sgl_cli.chat.client.endpoint import Endpoint
from sgl_cli.chat.client.failures import ChatError, NoServer
from sgl_cli.chat.client.http import ChatClient
from sgl_cli.chat.client.load import Load, read_load
from tests.fake_openai import FakeOpenAI
from tests.live import live

MESSAGES = [{"role": "user", "content": "Once upon a time"}]

SGLANG = """# HELP sglang:num_running_reqs The number of running requests.
# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{engine_type="unified",model_name="Qwen/Qwen3-8B",tp_rank="0"} 3.0
sglang:num_queue_reqs{engine_type="unified",model_name="Qwen/Qwen3-8B",tp_rank="0"} 2.0
sglang:token_usage{engine_type="unified",model_name="Qwen/Qwen3-8B",tp_rank="0"} 0.28
sglang:cache_hit_rate{engine_type="unified",model_name="Qwen/Qwen3-8B",tp_rank="0"} 0.007507552643049313
sglang:gen_throughput{engine_type="unified",model_name="Qwen/Qwen3-8B",tp_rank="0"} 86.50814177726902
sglang:generation_tokens_total{model_name="Qwen/Qwen3-8B"} 7.557572e+06
sglang:time_to_first_token_seconds_sum{model_name="Qwen/Qwen3-8B"} 20.0
sglang:time_to_first_token_seconds_bucket{le="+Inf",model_name="Qwen/Qwen3-8B"} 100.0
sglang:time_to_first_token_seconds_count{model_name="Qwen/Qwen3-8B"} 100.0
"""

VLLM = """# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a}b\\"c"} 1.0
vllm:num_requests_running{engine="1",model_name="a}b\\"c"} 4.0
vllm:num_requests_waiting{engine="0"} 0.0 1395066363000
vllm:kv_cache_usage_perc{engine="0"} 0.5
vllm:kv_cache_usage_perc{engine="1"} 0.25
vllm:prefix_cache_queries_total{engine="0"} 200.0
vllm:prefix_cache_hits_total{engine="0"} 150.0
vllm:generation_tokens_total{engine="0"} GENERATED
process_open_fds 12.0
"""


@pytest.fixture
def inspector(client: ChatClient) -> Inspector:
    return Inspector(client)


def cards(owner: str = "", **fields: Any) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": "m", "owned_by": owner, **fields}]}


def test_our_own_server() -> None:
    with live() as server, ChatClient(Endpoint(server.url)) as client:
        inspector = Inspector(client)
        about = inspector.about()
        list(client.ask({"model": about.models[0], "messages": MESSAGES, "max_tokens": 3}))
        load = inspector.load()
        prompt = inspector.prompt([{"role": "user", "content": "Once</s>"}], about.models[0])
        odd = inspector.prompt([{"role": "nobody"}], about.models[0])
    assert about == About("sgl", __version__, 512, ("stories260k",), vision=False)
    assert load is not None
    assert (load.running, load.queued, load.kv_used, load.cache_hit_rate) == (0, 0, 0.0, 0.0)
    assert load.tokens_per_second is not None
    assert load.generated == 3
    assert {"requests finished": "1", "generated tokens": "3", "mean queue time": "1 ms"}.items() <= dict(
        load.extra
    ).items()
    assert (prompt or "").startswith("Once</s>")  # Special tokens are shown.
    assert odd is None


def test_an_endpoint_that_knows_nothing_of_it(inspector: Inspector, endpoint: FakeOpenAI) -> None:
    assert inspector.about() == About(models=("served",))
    assert inspector.load() is None
    assert inspector.prompt(MESSAGES, "served") is None
    endpoint.models = None
    assert inspector.about() == About()


@pytest.mark.parametrize("body", ["<html>Welcome</html>", [1], {"data": {"id": 3}}, {"data": [3, {"id": 4}]}, "[[[["])
def test_odd_answers_are_as_good_as_none(body: Any, inspector: Inspector, endpoint: FakeOpenAI) -> None:
    paths = ("/v1/models", "/server_info", "/version", "/model_info", "/metrics", "/tokenize", "/detokenize")
    endpoint.pages = dict.fromkeys(paths, body)
    assert inspector.about() == About()
    assert inspector.load() is None
    assert inspector.prompt(MESSAGES, "served") is None


def test_nobody_is_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with ChatClient(Endpoint(url)) as client:
            inspector = Inspector(client)
            for look in (inspector.about, inspector.load, lambda: inspector.prompt(MESSAGES, "m")):
                with pytest.raises(NoServer, match="cannot reach"):
                    look()


def test_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        with ChatClient(Endpoint(url), silence_seconds=0.1) as client, pytest.raises(ChatError, match="said nothing"):
            Inspector(client).about()


def test_only_what_the_software_has_is_asked_for_and_with_the_key(endpoint: FakeOpenAI) -> None:
    endpoint.pages = {"/v1/models": cards("vllm", max_model_len=4096), "/version": {"version": "0.11.0"}}
    endpoint.pages |= {path: {"version": "no", "context_length": 1} for path in ("/server_info", "/model_info")}
    with ChatClient(Endpoint(endpoint.url, "secret")) as client:
        assert Inspector(client).about() == About("vLLM", "0.11.0", 4096, ("m",))
    assert [path for path, _ in endpoint.asked] == ["/v1/models", "/version"]
    assert endpoint.keys == ["Bearer secret"] * 2


@pytest.mark.parametrize(
    ("answers", "about"),
    [
        ({"cards": cards("sglang", max_model_len=32768)}, About("SGLang", "", 32768, ("m",))),
        (
            {
                "cards": cards("sglang"),
                "server_info": {"version": "0.5.4", "context_length": 8192},
                "model_info": {"has_image_understanding": True},
            },
            About("SGLang", "0.5.4", 8192, ("m",), vision=True),
        ),
        ({"cards": cards(), "server_info": {"context_length": None}}, About("SGLang", "", None, ("m",))),
        ({"cards": cards("mistralai", capabilities={"vision": False})}, About(models=("m",), vision=False)),
        (
            {"cards": cards(context_length=9, architecture={"input_modalities": ["text", "image"]})},
            About(context=9, models=("m",), vision=True),
        ),
        ({"cards": cards("llamacpp", context_window=True, max_model_len=0)}, About("llama.cpp", models=("m",))),
        ({"cards": None, "version": {"version": 3}}, About()),
    ],
)
def test_what_servers_say(answers: dict[str, Any], about: About) -> None:
    assert read_about(**answers) == about


def test_the_model_that_is_meant_counts() -> None:
    both = {"data": [{"id": "a", "max_model_len": 1}, {"id": "b", "max_model_len": 2}]}
    assert [read_about(both, model=model).context for model in ("", "a", "b", "c")] == [1, 1, 2, 1]


def test_sglangs_metrics() -> None:
    load = read_load(SGLANG)
    assert load is not None
    assert (load.running, load.queued, load.kv_used) == (3, 2, 0.28)
    assert (load.cache_hit_rate, load.tokens_per_second) == (0.007507552643049313, 86.50814177726902)
    assert load.extra == (("generated tokens", "7,557,572"), ("mean TTFT", "200 ms"))


def test_vllms_metrics_count_tokens_and_we_make_a_rate_of_it(client: ChatClient, endpoint: FakeOpenAI) -> None:
    now = [100.0]
    inspector = Inspector(client, lambda: now[0])
    speeds = []
    for seconds, generated in [(0, "1000"), (2, "1300"), (0, "1300"), (1, "20"), (2, "60"), (1, "NaN")]:
        now[0] += seconds
        endpoint.pages["/metrics"] = VLLM.replace("GENERATED", generated)
        load = inspector.load()
        assert load is not None
        speeds.append(load.tokens_per_second)
    assert speeds == [None, 150.0, None, None, 20.0, None]  # At once, after a restart, and of no number: none.
    assert (load.running, load.queued, load.kv_used, load.cache_hit_rate) == (5, 0, 0.375, 0.75)


@pytest.mark.parametrize(
    "text", ["", "<html>", "go_goroutines 7\n", "sgl:num_requests_running", "sgl:num_requests_running NaN\n", "{} 3\n"]
)
def test_what_are_no_metrics_of_a_model_server(text: str) -> None:
    assert read_load(text) is None


def test_a_number_beyond_its_range_is_brought_back() -> None:
    text = "vllm:kv_cache_usage_perc 1.5\nvllm:num_requests_running -1\r\nvllm:prefix_cache_queries_total 0\n"
    assert read_load(text) == Load(running=0, kv_used=1.0)


def test_a_prompt_as_vllm_shows_it(inspector: Inspector, endpoint: FakeOpenAI) -> None:
    endpoint.pages = {"/tokenize": {"tokens": [1, 2], "count": 2}, "/detokenize": {"prompt": "<s>Once"}}
    extra = {"chat_template_kwargs": {"enable_thinking": False}}
    assert inspector.prompt(MESSAGES, "m", extra) == "<s>Once"
    asked = {"add_generation_prompt": True, **extra, "model": "m", "messages": MESSAGES}
    assert endpoint.asked[0] == ("/tokenize", asked)
    assert endpoint.asked[1] == ("/detokenize", {"model": "m", "tokens": [1, 2], "skip_special_tokens": False})
