"""`Load`: how busy a server is, from its metrics: under our names, SGLang's or vLLM's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .exposition import Exposition

_RUNNING: Final = ("sgl:num_requests_running", "sglang:num_running_reqs", "vllm:num_requests_running")
_QUEUED: Final = ("sgl:num_requests_waiting", "sglang:num_queue_reqs", "vllm:num_requests_waiting")
_KV_USED: Final = (
    "sgl:kv_cache_usage_perc",
    "sglang:token_usage",
    "vllm:kv_cache_usage_perc",
    "vllm:gpu_cache_usage_perc",  # Older vLLM.
)
_HIT_RATE: Final = ("sgl:cache_hit_rate", "sglang:cache_hit_rate", "vllm:gpu_prefix_cache_hit_rate")
_HITS: Final = ("vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total")
_QUERIES: Final = ("vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total")
_SPEED: Final = (
    "sgl:generation_tokens_per_second",
    "sglang:gen_throughput",
    "vllm:avg_generation_throughput_toks_per_s",
)
_GENERATED: Final = ("sgl:generation_tokens_total", "sglang:generation_tokens_total", "vllm:generation_tokens_total")
_PROMPTS: Final = ("sgl:prompt_tokens_total", "sglang:prompt_tokens_total", "vllm:prompt_tokens_total")
_FINISHED: Final = ("sgl:request_success_total", "sglang:num_requests_total", "vllm:request_success_total")
_PREEMPTED: Final = ("sgl:num_preemptions_total", "sglang:num_retracted_reqs", "vllm:num_preemptions_total")
_CAPACITY: Final = ("sgl:kv_tokens", "sglang:max_total_num_tokens")
_TTFT: Final = (
    "sgl:time_to_first_token_seconds",
    "sglang:time_to_first_token_seconds",
    "vllm:time_to_first_token_seconds",
)
_QUEUE_TIME: Final = (
    "sgl:request_queue_time_seconds",
    "sglang:queue_time_seconds",
    "vllm:request_queue_time_seconds",
)


@dataclass(frozen=True)
class Load:
    """How busy a server is; None where it does not say.

    Attributes:
        running: Requests that are computed.
        queued: Requests that wait for their turn.
        kv_used: Share of the KV cache in use, 0 to 1.
        cache_hit_rate: Share of prompt tokens that came from the prefix cache, 0 to 1.
        tokens_per_second: Tokens generated per second by all requests together, lately.
        extra: More for people to read, as pairs of a title and a value.
        generated: Tokens generated since the server started.
    """

    running: int | None = None
    queued: int | None = None
    kv_used: float | None = None
    cache_hit_rate: float | None = None
    tokens_per_second: float | None = None
    extra: tuple[tuple[str, str], ...] = ()
    generated: float | None = None


def read_load(text: str) -> Load | None:
    """Reads a scrape; None when it says nothing of what a server of language models says."""
    metrics = Exposition(text)
    load = Load(
        running=_count(metrics.total(_RUNNING)),
        queued=_count(metrics.total(_QUEUED)),
        kv_used=_share(metrics.mean(_KV_USED)),
        cache_hit_rate=_share(_hit_rate(metrics)),
        tokens_per_second=metrics.total(_SPEED),
        extra=_extra(metrics),
        generated=metrics.total(_GENERATED),
    )
    return None if load == Load() else load


def _hit_rate(metrics: Exposition) -> float | None:
    known = metrics.mean(_HIT_RATE)
    if known is not None:
        return known
    hits, queries = metrics.total(_HITS), metrics.total(_QUERIES)
    return hits / queries if hits is not None and queries else None


def _extra(metrics: Exposition) -> tuple[tuple[str, str], ...]:
    counts = {
        "requests finished": metrics.total(_FINISHED),
        "prompt tokens": metrics.total(_PROMPTS),
        "generated tokens": metrics.total(_GENERATED),
        "KV capacity, tokens": metrics.total(_CAPACITY),
        "preemptions": metrics.total(_PREEMPTED),
    }
    times = {"mean TTFT": _mean_seconds(metrics, _TTFT), "mean queue time": _mean_seconds(metrics, _QUEUE_TIME)}
    lines = [(title, f"{value:,.0f}") for title, value in counts.items() if value is not None]
    return (*lines, *((title, f"{1000 * value:,.0f} ms") for title, value in times.items() if value is not None))


def _mean_seconds(metrics: Exposition, histograms: tuple[str, ...]) -> float | None:
    seconds = metrics.total(f"{name}_sum" for name in histograms)
    count = metrics.total(f"{name}_count" for name in histograms)
    return seconds / count if seconds is not None and count else None


def _count(value: float | None) -> int | None:
    return None if value is None else max(0, round(value))


def _share(value: float | None) -> float | None:
    return None if value is None else min(1.0, max(0.0, value))
