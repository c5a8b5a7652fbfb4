"""What a reader has to know before the figures: failures, a client that was in the way, figures that are estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from ..result import Result
from . import words
from .levels import name
from .lookup import number, part, parts, text, texts

_KINDS: Final[Mapping[str, str]] = {
    "connect": "no connection",
    "status": "refused",
    "stream": "error in the stream",
    "cut": "answer cut off",
    "timeout": "timed out",
    "protocol": "not the API's form",
}
_LONGEST_EXAMPLE: Final = 160
_CACHED_SHARE: Final = 0.05
"""Random token ids share no more than a few by chance, and no chat template: what is above was asked before."""


class ErrorRow(NamedTuple):
    """Failures that look alike, as text."""

    failures: str
    kind: str
    example: str


def error_rows(result: Result) -> list[ErrorRow]:
    """The largest groups, and how many failures are in none of them."""
    rows, named = [], 0.0
    for group in parts(result.summary, "errors"):
        status = number(group, "status")
        kind = failure_words(text(group, "kind"), int(status or 0))
        amount = number(group, "count") or 0.0
        named += amount
        example = text(group, "example", limit=_LONGEST_EXAMPLE) or text(group, "message", limit=_LONGEST_EXAMPLE)
        rows.append(ErrorRow(words.count(amount), kind, example))
    more = (number(result.summary, "requests", "failed") or 0.0) - named
    return [*rows, ErrorRow(words.count(more), "others", "")] if rows and more > 0 else rows


def failure_words(kind: str, status: int) -> str:
    """What happened: the HTTP status, where there was one."""
    return f"HTTP {status}" if status else _KINDS.get(kind, kind)


def client_line(result: Result) -> str:
    """How well the client kept up; empty when that is not known."""
    client = part(result.summary, "client")
    if number(client, "lag_p99_ms") is None:
        return ""
    lags = ", ".join(f"{name} {words.milliseconds(number(client, f'lag_{name}_ms'))}" for name in ("p50", "p99", "max"))
    phrases = [f"loop lag {lags}", f"{words.percent(number(client, 'cpu_share'), 0)} of a core"]
    workers = number(client, "workers")
    phrases += [f"{workers:.0f} processes"] if workers and workers > 1 else []
    chunks = number(client, "chunks_per_second")
    return ", ".join([*phrases, *([f"{words.count(chunks)} chunks/s"] if chunks else [])])


def warnings(result: Result) -> list[str]:
    """One line each, the gravest first."""
    summary = result.summary
    found = ["the run was cut short: figures are of what was done until then"] if summary.get("partial") else []
    sent, failed = (number(summary, "requests", key) or 0.0 for key in ("sent", "failed"))
    if sent and failed >= sent:
        found.append("every request failed")
    elif failed:
        found.append(f"{words.count(failed)} of {words.count(sent)} requests failed; latencies are those of the others")
    found += texts(summary, "client", "warnings")
    cached = number(summary, "cache", "share") or 0.0
    ids = text(result.dataset, "name") == "random" and text(result.dataset, "content").startswith("token ids")
    if ids and cached > _CACHED_SHARE:
        found.append(
            f"{words.percent(cached, 0)} of the random prompts' tokens were in the server's cache, from a run with the "
            "same prompts: --flush-cache empties it, another --seed makes others"
        )
    estimated = number(summary, "answers_with_estimated_tokens")
    if estimated:
        found.append(f"the server does not count tokens: in {words.several(estimated, 'answer')} chunks were counted")
    split = number(summary, "answers_with_estimated_itl")
    if split:
        answers = words.several(split, "answer")
        found.append(f"ITL is estimated in {answers}: tokens were split evenly over the chunks")
    if part(summary, "server").get("restarted") is True:
        found.append("the server's counters went backwards: it was restarted, and what it says is left out")
    return found


def sweep_warnings(levels: Sequence[Result]) -> list[str]:
    """Those of every level, each with its load before it."""
    return [f"{name(level)}: {line}" for level in levels for line in warnings(level)]
