"""Every figure of a run: its name, unit, exact meaning and source, in one table.

``sgl bench --explain`` prints it, a result file carries it, and assertions and comparisons take their names, units
and directions from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, Literal, NamedTuple

from sgl.errors import UsageError, echo

from .percentiles import STATS

Better = Literal["lower", "higher", "neither"]
Source = Literal["client", "server usage", "server metrics"]
Unit = Literal["ms", "s", "req/s", "tok/s", "share", "requests"]


class Metric(NamedTuple):
    """One row.

    Attributes:
        name: In assertions and comparisons.
        label: In tables, as the field calls it.
        unit: Of its value in the result file; a share is 0..1.
        path: Where it is in the result file.
        spread: Whether it is a distribution, of which a statistic is asked.
        better: Which direction is good.
        source: Who measured.
        text: What it is, in one sentence.
    """

    name: str
    label: str
    unit: Unit
    path: tuple[str, ...]
    spread: bool
    better: Better
    source: Source
    text: str


def _spread(name: str, label: str, text: str, key: str, unit: Unit = "ms", better: Better = "lower") -> Metric:
    return Metric(name, label, unit, ("summary", key), True, better, "client", text)


def _figure(
    name: str, label: str, unit: Unit, text: str, *path: str, better: Better = "higher", source: Source = "client"
) -> Metric:
    return Metric(name, label, unit, path, False, better, source, text)


METRICS: Final = (
    _spread(
        "ttft",
        "TTFT",
        "Time to first token: from writing the first byte of the request to reading the first chunk that carries text,"
        " reasoning or a tool call; a chunk with only a role does not count.",
        "ttft_ms",
    ),
    _spread(
        "tpot",
        "TPOT",
        "Time per output token after the first, one value a request: (E2EL - TTFT) / (tokens - 1), of requests with"
        " two tokens or more.",
        "tpot_ms",
    ),
    _spread(
        "itl",
        "ITL",
        "Inter-token latency, one value a token after a request's first chunk: the gap before the token's chunk"
        " divided by the tokens in that chunk; other tools call the undivided gap so.",
        "itl_ms",
    ),
    _spread(
        "icl",
        "ICL",
        "Inter-chunk latency: the gap between two chunks of an answer, however many tokens they carry; its p99 is how"
        " long a reader sees the text stand still.",
        "icl_ms",
    ),
    _spread(
        "e2el",
        "E2EL",
        "End-to-end latency: from writing the first byte of the request to the end of the answer.",
        "e2el_ms",
    ),
    _spread("ntpot", "NTPOT", "Normalized time per output token: E2EL / tokens, the first one included.", "ntpot_ms"),
    _spread(
        "user_tok_s",
        "Per-user tok/s",
        "Tokens per second that one user sees once the answer runs: 1 / TPOT.",
        "user_tok_s",
        unit="tok/s",
        better="higher",
    ),
    _spread(
        "ttft_scheduled",
        "TTFT from schedule",
        "TTFT from the time the request should have been sent, in an open loop: a client that fell behind cannot hide"
        " the wait (coordinated omission).",
        "ttft_scheduled_ms",
    ),
    _spread(
        "e2el_scheduled",
        "E2EL from schedule",
        "E2EL from the time the request should have been sent, in an open loop.",
        "e2el_scheduled_ms",
    ),
    _spread(
        "send_delay",
        "Send delay",
        "How much later than scheduled a request was sent, in an open loop.",
        "send_delay_ms",
    ),
    _figure(
        "req_s",
        "Requests/s",
        "req/s",
        "Answered requests divided by the run's duration.",
        "summary",
        "req_s",
    ),
    _figure(
        "out_tok_s",
        "Output tok/s",
        "tok/s",
        "Tokens of all answered requests divided by the run's duration, from the first request sent to the last"
        " answer's end.",
        "summary",
        "out_tok_s",
    ),
    _figure(
        "in_tok_s",
        "Input tok/s",
        "tok/s",
        "Prompt tokens of all answered requests, cached ones included, divided by the run's duration.",
        "summary",
        "in_tok_s",
    ),
    _figure(
        "total_tok_s",
        "Total tok/s",
        "tok/s",
        "Input and output tok/s together.",
        "summary",
        "total_tok_s",
    ),
    _figure(
        "peak_out_tok_s",
        "Peak output tok/s",
        "tok/s",
        "Most output tokens that came in one second, counted from the run's start.",
        "summary",
        "peak_out_tok_s",
    ),
    _figure(
        "in_flight",
        "In flight",
        "requests",
        "Requests in flight on average over the run's time.",
        "summary",
        "mean_in_flight",
        better="neither",
    ),
    _figure(
        "peak_in_flight",
        "Peak in flight",
        "requests",
        "Most requests in flight at once.",
        "summary",
        "peak_in_flight",
        better="neither",
    ),
    _figure(
        "steady_out_tok_s",
        "Steady output tok/s",
        "tok/s",
        "Output tokens that came within the steady state, divided by its length; the steady state is the longest time"
        " with at least 95 % of the peak of requests in flight, dips of up to 50 ms passed over.",
        "steady_state",
        "out_tok_s",
    ),
    _figure(
        "steady_req_s",
        "Steady requests/s",
        "req/s",
        "Requests answered within the steady state, divided by its length.",
        "steady_state",
        "req_s",
    ),
    _figure(
        "error_rate",
        "Errors",
        "share",
        "Failed requests divided by requests sent.",
        "summary",
        "error_rate",
        better="lower",
    ),
    _figure(
        "goodput",
        "Goodput",
        "req/s",
        "Requests that kept to every service level objective, per second of the run; in an open loop TTFT and E2EL"
        " count from the scheduled time.",
        "slo",
        "goodput_req_s",
    ),
    _figure(
        "slo_attainment",
        "SLO attainment",
        "share",
        "Requests that kept to every service level objective, divided by requests sent; failed ones are misses.",
        "slo",
        "attainment",
    ),
    _figure(
        "cache_hit",
        "Cached",
        "share",
        "Prompt tokens from the prefix cache divided by prompt tokens, of the answers that say so.",
        "summary",
        "cache",
        "share",
        source="server usage",
    ),
    _figure(
        "queue",
        "Queue (server)",
        "ms",
        "Mean time a request waited for its turn, by the server's histogram after the run less that before it.",
        "summary",
        "server",
        "queue_mean_ms",
        better="lower",
        source="server metrics",
    ),
    _figure(
        "prefill",
        "Prefill (server)",
        "ms",
        "Mean time from a request's turn to its first token, by the server's histogram.",
        "summary",
        "server",
        "prefill_mean_ms",
        better="lower",
        source="server metrics",
    ),
    _figure(
        "decode",
        "Decode (server)",
        "ms",
        "Mean time from a request's first token to its end, by the server's histogram.",
        "summary",
        "server",
        "decode_mean_ms",
        better="lower",
        source="server metrics",
    ),
    _figure(
        "kv_usage",
        "KV cache peak",
        "share",
        "The largest share of the server's KV cache that was in use, looked at once a second.",
        "summary",
        "server",
        "kv_usage_peak",
        better="neither",
        source="server metrics",
    ),
    _figure(
        "preemptions",
        "Preemptions",
        "requests",
        "Requests that the server set back for lack of KV cache, by its counter after the run less that before it.",
        "summary",
        "server",
        "preemptions",
        better="lower",
        source="server metrics",
    ),
    _figure(
        "duration",
        "Duration",
        "s",
        "From the first request sent to the last answer's end.",
        "summary",
        "duration_s",
        better="neither",
    ),
)
"""In the order of ``--explain``."""

BY_NAME: Final[Mapping[str, Metric]] = {metric.name: metric for metric in METRICS}

OTHER_NAMES: Final[Mapping[str, str]] = {
    "e2e": "e2el",
    "e2e_latency": "e2el",
    "latency": "e2el",
    "stall": "icl",
    "rps": "req_s",
    "request_throughput": "req_s",
    "output_throughput": "out_tok_s",
    "output_tok_s": "out_tok_s",
    "tok_s": "out_tok_s",
    "throughput": "out_tok_s",
    "input_throughput": "in_tok_s",
    "input_tok_s": "in_tok_s",
    "total_throughput": "total_tok_s",
    "errors": "error_rate",
    "request_goodput": "goodput",
    "attainment": "slo_attainment",
    "cache_hit_rate": "cache_hit",
    "concurrency": "in_flight",
}
"""What others call a metric -> our name."""

DEFAULT_STAT: Final = "p50"
"""Of a distribution when none is named."""

_OTHER_STATS: Final[Mapping[str, str]] = {"avg": "mean", "median": "p50", "med": "p50", "p999": "p99.9"}


class Choice(NamedTuple):
    """A metric and, for a distribution, which statistic of it; empty for a single figure."""

    metric: Metric
    stat: str

    @property
    def name(self) -> str:
        """As it is written: ``ttft.p99``."""
        return f"{self.metric.name}.{self.stat}" if self.stat else self.metric.name


def choose(text: str) -> Choice:
    """``"ttft.p99"`` -> its metric and statistic.

    Raises:
        UsageError: There is no such metric, or it has no such statistic.
    """
    name, _, stat = text.strip().lower().partition(".")
    metric = BY_NAME.get(OTHER_NAMES.get(name, name))
    if metric is None:
        near = get_close_matches(name, (*BY_NAME, *OTHER_NAMES), n=1)
        hint = f"did you mean {near[0]}?" if near else f"metrics are {', '.join(BY_NAME)}"
        raise UsageError(f"there is no metric {echo(name)}", hint=hint)
    stat = _OTHER_STATS.get(stat, stat)
    if not metric.spread:
        if stat:
            raise UsageError(f"{metric.name} is a single figure and has no {echo(stat)}", hint=f"write {metric.name}")
        return Choice(metric, "")
    stat = stat or DEFAULT_STAT
    if stat not in STATS:
        near = get_close_matches(stat, STATS, n=1)
        hint = f"did you mean {metric.name}.{near[0]}?" if near else f"statistics are {', '.join(STATS)}"
        raise UsageError(f"{metric.name} has no statistic {echo(stat)}", hint=hint)
    return Choice(metric, stat)


def schema() -> dict[str, Any]:
    """The table for a result file: what each of its figures means."""
    return {
        metric.name: {
            "path": ".".join(metric.path),
            "unit": metric.unit,
            "definition": metric.text,
            "source": metric.source,
            "better": metric.better,
        }
        for metric in METRICS
    }
