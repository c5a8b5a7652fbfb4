"""What the server's own counters say about the run: their values after it, less those before it.

Servers of three families are understood: ours (``sgl:``), vLLM (``vllm:``) and SGLang (``sglang:``). Series of one
name that differ in labels, such as those of several ranks, are added up. Times are means: a histogram's sum and count
are exact, percentiles from its buckets are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

# fmt: off
TIMES: Final[Mapping[str, tuple[str, ...]]] = {
    "queue": ("sgl:request_queue_time_seconds", "vllm:request_queue_time_seconds", "sglang:queue_time_seconds"),
    "prefill": ("sgl:request_prefill_time_seconds", "vllm:request_prefill_time_seconds"),
    "decode": ("sgl:request_decode_time_seconds", "vllm:request_decode_time_seconds"),
    "ttft": ("sgl:time_to_first_token_seconds", "vllm:time_to_first_token_seconds",
             "sglang:time_to_first_token_seconds"),
    "itl": ("sgl:inter_token_latency_seconds", "vllm:inter_token_latency_seconds",
            "sglang:inter_token_latency_seconds"),
    "e2el": ("sgl:e2e_request_latency_seconds", "vllm:e2e_request_latency_seconds",
             "sglang:e2e_request_latency_seconds"),
}
"""Histograms of seconds, by the name of the time."""

COUNTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "prompt_tok": ("sgl:prompt_tokens", "vllm:prompt_tokens", "sglang:prompt_tokens"),
    "cached_tok": ("sgl:cached_tokens", "vllm:prefix_cache_hits", "sglang:cached_tokens"),
    "generation_tok": ("sgl:generation_tokens", "vllm:generation_tokens", "sglang:generation_tokens"),
    "preemptions": ("sgl:num_preemptions", "vllm:num_preemptions", "sglang:num_retracted_reqs"),
    "evicted_tok": ("sgl:evicted_tokens", "sglang:evicted_tokens"),
    "draft_tok": ("vllm:spec_decode_num_draft_tokens",),
    "accepted_tok": ("vllm:spec_decode_num_accepted_tokens",),
}
"""Counters, with or without ``_total`` at the end."""

GAUGES: Final[Mapping[str, tuple[str, ...]]] = {
    "kv_usage_peak": ("kv_usage_peak",),
    "kv_usage_end": ("sgl:kv_cache_usage_perc", "vllm:kv_cache_usage_perc", "sglang:token_usage",
                     "vllm:gpu_cache_usage_perc"),
    "accept_length_end": ("sglang:spec_accept_length",),
}
"""Values that are what they are at the end. The peak is the client's own: it looks while the run is on."""
# fmt: on


@dataclass(frozen=True, slots=True)
class ServerSide:
    """The server's view of the run.

    Attributes:
        mean_seconds: Of `TIMES`, those it measures.
        counts: Of `COUNTERS`, by how much each grew.
        gauges: Of `GAUGES`, at the end.
        restarted: Whether a counter went backwards: then nothing that grows can be trusted, and is left out.
    """

    mean_seconds: Mapping[str, float]
    counts: Mapping[str, float]
    gauges: Mapping[str, float]
    restarted: bool = False

    @property
    def cache_hit(self) -> float | None:
        """Cached of all prompt tokens, 0..1; None when it does not count them."""
        prompt = self.counts.get("prompt_tok")
        cached = self.counts.get("cached_tok")
        return cached / prompt if prompt and cached is not None else None

    def to_json(self) -> dict[str, Any]:
        """Plain values, each with its unit in the name; what the server does not say is not there."""
        return {
            **{f"{name}_mean_ms": seconds * 1000 for name, seconds in self.mean_seconds.items()},
            **self.counts,
            **self.gauges,
            **({} if self.cache_hit is None else {"cache_hit": self.cache_hit}),
            "restarted": self.restarted,
        }


def server_side(before: Mapping[str, float], after: Mapping[str, float]) -> ServerSide | None:
    """What the metrics before and after a run tell; None without any that is known."""
    old, new = _added_up(before), _added_up(after)
    gauges = {name: new[found] for name, names in GAUGES.items() if (found := _first(new, names))}
    means: dict[str, float] = {}
    counts: dict[str, float] = {}
    restarted = False
    if old:
        for name, names in COUNTERS.items():
            if found := _first(new, names):
                counts[name] = new[found] - old.get(found, 0.0)
        for name, names in TIMES.items():
            if found := _first(new, tuple(f"{base}_count" for base in names)):
                total = found.removesuffix("_count") + "_sum"
                events = new[found] - old.get(found, 0.0)
                seconds = new.get(total, 0.0) - old.get(total, 0.0)
                restarted = restarted or events < 0
                if events > 0:
                    means[name] = seconds / events
        restarted = restarted or any(count < 0 for count in counts.values())
    if restarted:
        means, counts = {}, {}
    return ServerSide(means, counts, gauges, restarted) if means or counts or gauges or restarted else None


def _added_up(metrics: Mapping[str, float]) -> dict[str, float]:
    """By the name without labels and without a counter's ``_total``; buckets are left out."""
    sums: dict[str, float] = {}
    for series, value in metrics.items():
        name = series.partition("{")[0].strip()
        if not name.endswith(("_bucket", "_created")):
            name = name.removesuffix("_total")
            sums[name] = sums.get(name, 0.0) + value
    return sums


def _first(metrics: Mapping[str, float], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in metrics), None)
