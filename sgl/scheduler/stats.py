"""Counters of the scheduler, and the `Stats` message made of them."""

from __future__ import annotations

from dataclasses import dataclass

from sgl.protocol.messages import Stats


@dataclass(slots=True)
class Counters:
    """What has happened since the start; changed only by the scheduler's thread."""

    steps: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    computed_tokens: int = 0
    generated_tokens: int = 0
    aborts: int = 0
    finished: int = 0
    failed: int = 0
    violations: int = 0
    last_step_seconds: float = 0.0


class RateMeter:
    """Generated tokens per second between two looks."""

    def __init__(self, now: float) -> None:
        self._then = now
        self._count = 0
        self._rate = 0.0

    def look(self, now: float, generated: int) -> float:
        """Rate since the last look; looks less than 0.1 s apart give the last rate."""
        if now - self._then >= 0.1:
            self._rate = (generated - self._count) / (now - self._then)
            self._then, self._count = now, generated
        return self._rate


def make_stats(
    counters: Counters,
    *,
    ticket: int,
    running: int,
    queued: int,
    retractions: int,
    kv_tokens: int,
    kv_used: int,
    kv_cached: int,
    evicted: int,
    rate: float,
) -> Stats:
    """One message of counters and gauges."""
    return Stats(
        ticket=ticket,
        running=running,
        queued=queued,
        kv_tokens=kv_tokens,
        kv_used=kv_used,
        kv_cached=kv_cached,
        steps_total=counters.steps,
        prompt_tokens_total=counters.prompt_tokens,
        cached_tokens_total=counters.cached_tokens,
        computed_tokens_total=counters.computed_tokens,
        generated_tokens_total=counters.generated_tokens,
        evicted_tokens_total=evicted,
        retractions_total=retractions,
        aborts_total=counters.aborts,
        finished_total=counters.finished,
        failed_total=counters.failed,
        invariant_violations_total=counters.violations,
        generation_rate=rate,
        last_step_seconds=counters.last_step_seconds,
    )
