"""One figure out of a result, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from .definitions import Choice
from .percentiles import PERMILLE, needed

_ABSENT: Final[Mapping[str, str]] = {
    "ttft": "no answer had any text",
    "tpot": "no answer had two tokens",
    "user_tok_s": "no answer had two tokens",
    "itl": "no answer had two chunks",
    "icl": "no answer had two chunks",
    "ttft_scheduled": "there is no schedule in a closed loop",
    "e2el_scheduled": "there is no schedule in a closed loop",
    "send_delay": "there is no schedule in a closed loop",
    "in_tok_s": "the length of a prompt is not known",
    "total_tok_s": "the length of a prompt is not known",
    "goodput": "no service level objective was given (--goodput)",
    "slo_attainment": "no service level objective was given (--goodput)",
    "cache_hit": "no answer said what was cached",
    "queue": "the server did not tell its queue time",
    "prefill": "the server did not tell its prefill time",
    "decode": "the server did not tell its decode time",
    "kv_usage": "the server did not tell its cache usage",
    "preemptions": "the server did not tell its preemptions",
    "steady_out_tok_s": "the run had no steady state",
    "steady_req_s": "the run had no steady state",
}


class Reading(NamedTuple):
    """A figure in its metric's unit; None, with the reason, where the run does not give it."""

    value: float | None
    why: str = ""


def read(document: Mapping[str, Any], choice: Choice) -> Reading:
    """Looks a figure up in a result's JSON form, or a summary's."""
    metric, stat = choice
    found: Any = document
    for key in metric.path:
        found = found.get(key) if isinstance(found, Mapping) else None
    if metric.spread and isinstance(found, Mapping):
        value = found.get(stat)
        if value is None and stat in PERMILLE:
            return Reading(None, f"N={found.get('observations')}, and {stat} takes {needed(stat):,}")
        found = value
    if isinstance(found, bool) or not isinstance(found, int | float):
        return Reading(None, _ABSENT.get(metric.name, "the run does not have it"))
    try:
        return Reading(float(found))
    except OverflowError:  # JSON's integers have no end, floats do.
        return Reading(None, "its number is too large")
