"""The metrics as data: names, help, buckets, and where each value comes from.

The names of vLLM and SGLang are those their dashboards and gateways ask for, with the meaning they have
there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sgl.protocol.messages import EngineInfo, Stats


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one scrape reads.

    Attributes:
        stats: The engine's latest counters.
        info: What the engine is.
        alive: Whether it is there.
        draining: Whether new requests are refused.
        in_flight: Requests submitted and not ended.
        startup_seconds: How long the server took to start.
        totals: Tokens counted on this side: ``prompt_tokens``, ``cached_tokens``, ``generation_tokens``.
    """

    stats: Stats
    info: EngineInfo
    alive: bool
    draining: bool
    in_flight: int
    startup_seconds: float
    totals: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Row:
    """A gauge, or a counter (then the names lack the ``_total`` they are shown with)."""

    names: tuple[str, ...]
    help: str
    read: Callable[[Snapshot], float]


@dataclass(frozen=True, slots=True)
class HistogramRow:
    """A histogram; empty ``buckets`` stand for those of `token_buckets`."""

    key: str
    names: tuple[str, ...]
    help: str
    buckets: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """The counter of ended requests, one series per reason."""

    names: tuple[str, ...]
    help: str
    reasons: tuple[str, ...]


def token_buckets(largest: int) -> tuple[float, ...]:
    """1, 2, 5, 10, 20, 50, ... up to ``largest``, as vLLM counts tokens."""
    buckets: list[float] = []
    power = 1
    while power <= largest:
        buckets += [power * step for step in (1, 2, 5) if power * step <= largest]
        power *= 10
    return tuple(buckets)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


# fmt: off
FIRST_TOKEN_BUCKETS: Final = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75,
    1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0,
)
PER_TOKEN_BUCKETS: Final = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75,
    1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
)
REQUEST_BUCKETS: Final = (
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0,
    120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0,
)

GAUGES: Final = (
    Row(("sgl:num_requests_running", "vllm:num_requests_running", "sglang:num_running_reqs"),
        "Requests being computed.", lambda now: now.stats.running),
    Row(("sgl:num_requests_waiting", "vllm:num_requests_waiting", "sglang:num_queue_reqs"),
        "Requests waiting for their turn.", lambda now: now.stats.queued),
    Row(("sgl:num_requests_in_flight",),
        "Requests submitted and not ended, as the HTTP side counts them.", lambda now: now.in_flight),
    Row(("sgl:kv_cache_usage_perc", "vllm:kv_cache_usage_perc", "sglang:token_usage"),
        "Share of the KV pool in use; 1 means 100 percent.",
        lambda now: _ratio(now.stats.kv_used, now.info.kv_tokens)),
    Row(("sgl:kv_tokens", "sglang:max_total_num_tokens"),
        "Tokens the KV pool holds.", lambda now: now.info.kv_tokens),
    Row(("sgl:kv_tokens_used", "sglang:num_used_tokens"),
        "Tokens of the KV pool in use.", lambda now: now.stats.kv_used),
    Row(("sgl:kv_tokens_cached",),
        "Tokens of the KV pool that hold reusable prefixes.", lambda now: now.stats.kv_cached),
    Row(("sgl:cache_hit_rate", "sglang:cache_hit_rate"),
        "Share of all prompt tokens that came from the prefix cache.",
        lambda now: _ratio(now.totals["cached_tokens"], now.totals["prompt_tokens"])),
    Row(("sgl:generation_tokens_per_second", "sglang:gen_throughput"),
        "Tokens generated per second, lately.", lambda now: now.stats.generation_rate),
    Row(("sgl:last_step_seconds",),
        "Duration of the engine's last step.", lambda now: now.stats.last_step_seconds),
    Row(("sgl:startup_time_seconds", "sglang:startup_time_seconds"),
        "Seconds the server took to start.", lambda now: now.startup_seconds),
    Row(("sgl:engine_up",), "1 while the engine is there.", lambda now: now.alive),
    Row(("sgl:draining",), "1 while the server is going down.", lambda now: now.draining),
    Row(("sglang:num_retracted_reqs",),
        "Requests set back for lack of KV pages, since start.", lambda now: now.stats.retractions_total),
)

COUNTERS: Final = (
    Row(("sgl:prompt_tokens", "vllm:prompt_tokens", "vllm:prefix_cache_queries", "sglang:prompt_tokens"),
        "Prompt tokens of requests that got their first token.", lambda now: now.totals["prompt_tokens"]),
    Row(("sgl:cached_tokens", "vllm:prefix_cache_hits", "sglang:cached_tokens"),
        "Prompt tokens that came from the prefix cache.", lambda now: now.totals["cached_tokens"]),
    Row(("sgl:generation_tokens", "vllm:generation_tokens", "sglang:generation_tokens"),
        "Tokens generated.", lambda now: now.totals["generation_tokens"]),
    Row(("sgl:computed_tokens",),
        "Tokens that went through the model, recomputed ones included.",
        lambda now: now.stats.computed_tokens_total),
    Row(("sgl:evicted_tokens", "sglang:evicted_tokens"),
        "Tokens dropped from the prefix cache.", lambda now: now.stats.evicted_tokens_total),
    Row(("sgl:num_preemptions", "vllm:num_preemptions"),
        "Requests set back for lack of KV pages.", lambda now: now.stats.retractions_total),
    Row(("sgl:steps",), "Steps of the engine.", lambda now: now.stats.steps_total),
    Row(("sgl:invariant_violations",),
        "Failed checks of the engine's own books; anything but 0 is a bug.",
        lambda now: now.stats.invariant_violations_total),
)

REQUESTS: Final = ReasonRow(
    ("sgl:request_success", "vllm:request_success"),
    "Ended requests by reason.",
    ("stop", "length", "abort", "error"),
)

HISTOGRAMS: Final = (
    HistogramRow(
        "first_token",
        ("sgl:time_to_first_token_seconds", "vllm:time_to_first_token_seconds", "sglang:time_to_first_token_seconds"),
        "Seconds from submission to the first token.", FIRST_TOKEN_BUCKETS),
    HistogramRow(
        "inter_token",
        ("sgl:inter_token_latency_seconds", "vllm:inter_token_latency_seconds", "sglang:inter_token_latency_seconds"),
        "Seconds between two tokens of a request.", PER_TOKEN_BUCKETS),
    HistogramRow(
        "per_token",
        ("sgl:request_time_per_output_token_seconds", "vllm:request_time_per_output_token_seconds"),
        "Mean seconds per token of a request after its first.", PER_TOKEN_BUCKETS),
    HistogramRow(
        "whole",
        ("sgl:e2e_request_latency_seconds", "vllm:e2e_request_latency_seconds", "sglang:e2e_request_latency_seconds"),
        "Seconds from submission to the end.", REQUEST_BUCKETS),
    HistogramRow(
        "queue",
        ("sgl:request_queue_time_seconds", "vllm:request_queue_time_seconds", "sglang:queue_time_seconds"),
        "Seconds a request waited for its turn.", REQUEST_BUCKETS),
    HistogramRow(
        "prefill",
        ("sgl:request_prefill_time_seconds", "vllm:request_prefill_time_seconds"),
        "Seconds from a request's turn to its first token.", REQUEST_BUCKETS),
    HistogramRow(
        "decode",
        ("sgl:request_decode_time_seconds", "vllm:request_decode_time_seconds"),
        "Seconds from a request's first token to its end.", REQUEST_BUCKETS),
    HistogramRow(
        "prompt_tokens",
        ("sgl:request_prompt_tokens", "vllm:request_prompt_tokens", "sglang:prompt_tokens_histogram"),
        "Prompt tokens per request.", ()),
    HistogramRow(
        "generation_tokens",
        ("sgl:request_generation_tokens", "vllm:request_generation_tokens", "sglang:generation_tokens_histogram"),
        "Generated tokens per request.", ()),
)
# fmt: on
