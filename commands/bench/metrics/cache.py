"""The share of prompts that the server took from its prefix cache, as its usage says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .latency import Latency


@dataclass(frozen=True, slots=True)
class CacheHits:
    """Over the answered requests whose usage says how much was cached.

    Attributes:
        cached_tokens: From the cache.
        prompt_tokens: Of the same requests' prompts.
        requests: How many requests said so.
    """

    cached_tokens: int
    prompt_tokens: int
    requests: int

    @property
    def share(self) -> float:
        """Cached of all prompt tokens, 0..1."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "share": self.share,
            "cached_tok": self.cached_tokens,
            "prompt_tok": self.prompt_tokens,
            "requests": self.requests,
        }


def cache_hits(answered: Sequence[Latency]) -> CacheHits | None:
    """None when no answer says what was cached: that is not the same as nothing cached."""
    said = [
        (latency.record.cached_tokens, latency.record.input_tokens)
        for latency in answered
        if latency.record.cached_tokens is not None and latency.record.input_tokens is not None
    ]
    if not said:
        return None
    return CacheHits(sum(cached or 0 for cached, _ in said), sum(prompt or 0 for _, prompt in said), len(said))
