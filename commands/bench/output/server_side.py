"""The server's own view of a run, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..result import Result
from . import words
from .facts import Fact
from .lookup import cleaned, number, part

_TIMES: Final = (
    ("queue_mean_ms", "queue"),
    ("prefill_mean_ms", "prefill"),
    ("decode_mean_ms", "decode"),
    ("ttft_mean_ms", "TTFT"),
    ("itl_mean_ms", "ITL"),
    ("e2el_mean_ms", "E2EL"),
)
_COUNTS: Final = (
    ("prompt_tok", "prompt tokens"),
    ("cached_tok", "cached"),
    ("generation_tok", "generated"),
    ("preemptions", "preemptions"),
    ("evicted_tok", "evicted tokens"),
    ("draft_tok", "drafted tokens"),
    ("accepted_tok", "accepted"),
)


def server_facts(result: Result) -> list[Fact]:
    """What its metrics and its answers say; empty when they say nothing."""
    side = part(result.summary, "server")
    found = (
        Fact("mean times", _joined(f"{label} {words.milliseconds(number(side, key))}" for key, label in _TIMES)),
        Fact("counted", _joined(f"{words.count(number(side, key))} {label}" for key, label in _COUNTS)),
        Fact("KV cache", _joined(_cache(result))),
        Fact("in answers", ", ".join(_reported(result))),
    )
    return [fact for fact in found if fact.value]


def _cache(result: Result) -> Iterator[str]:
    side = part(result.summary, "server")
    yield f"{words.percent(number(side, 'kv_usage_peak'))} full at most"
    yield f"{words.percent(number(side, 'kv_usage_end'))} at the end"
    yield f"{words.percent(number(side, 'cache_hit'))} of prompt tokens cached"
    yield f"{words.plain(number(side, 'accept_length_end'))} tokens accepted a step"


def _reported(result: Result) -> Iterator[str]:
    for name, spread in part(result.summary, "server_reported").items():
        stat = "p50" if number(spread, "p50") is not None else "mean"
        if number(spread, stat) is not None:
            yield f"{cleaned(name, 40)} {stat} {words.plain(number(spread, stat))}"


def _joined(phrases: Iterator[str]) -> str:
    """Those that have a value."""
    return ", ".join(phrase for phrase in phrases if words.MISSING not in phrase.split(" "))
