"""`Summary`: every figure of one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..run import ClientHealth, Run
from .cache import CacheHits, cache_hits
from .errors import ErrorGroup, group_errors
from .in_flight import levels, mean_within, peak
from .latency import Latency, latency_of
from .percentiles import Distribution, describe, describe_weighted
from .server import ServerSide, server_side
from .slo import Goodput, Slo, goodput
from .steady import RATIO, SteadyState, steady_state
from .throughput import Throughput, throughput
from .timeline import Second, peak_tokens, timeline

_MILLISECONDS = 1000.0


@dataclass(frozen=True)
class Latencies:
    """Distributions over the answered requests, in seconds; None where no request has such a time.

    The definitions are those of `sgl_cli.bench.metrics.definitions`.
    """

    ttft: Distribution | None
    tpot: Distribution | None
    itl: Distribution | None
    icl: Distribution | None
    e2el: Distribution | None
    ntpot: Distribution | None
    user_tok_s: Distribution | None
    ttft_scheduled: Distribution | None
    e2el_scheduled: Distribution | None
    send_delay: Distribution | None


@dataclass(frozen=True)
class Summary:
    """One run in figures.

    Attributes:
        sent: Requests sent.
        failed: Of these, how many failed.
        partial: Whether the run was cut short.
        duration: In seconds.
        latencies: Distributions, in seconds.
        throughput: Over the whole run.
        steady: Over its steady state; None without one.
        peak_out_tok_s: Most tokens in one second.
        mean_in_flight: Requests in flight on average over the run.
        peak_in_flight: Most at once.
        tokens_estimated: Answers whose tokens were counted in chunks because the server does not count.
        itl_estimated: Answers whose tokens were split evenly over their chunks.
        goodput: None when no limit was given.
        cache: None when no answer says what was cached.
        errors: The largest groups of failures.
        server: The server's view; None when it does not tell.
        reported: Times that answers carried themselves, such as ``queue_ms``, in the unit their name says.
        client: Whether the client was in the way.
        seconds: The run second by second.
    """

    sent: int
    failed: int
    partial: bool
    duration: float
    latencies: Latencies
    throughput: Throughput
    steady: SteadyState | None
    peak_out_tok_s: float
    mean_in_flight: float
    peak_in_flight: int
    tokens_estimated: int
    itl_estimated: int
    goodput: Goodput | None
    cache: CacheHits | None
    errors: tuple[ErrorGroup, ...]
    server: ServerSide | None
    reported: Mapping[str, Distribution]
    client: ClientHealth
    seconds: tuple[Second, ...]

    @property
    def error_rate(self) -> float:
        """Failed of sent, 0..1; 0 when nothing was sent."""
        return self.failed / self.sent if self.sent else 0.0

    def to_json(self) -> dict[str, Any]:
        """The four parts of a result file that a run gives: ``summary``, ``steady_state``, ``slo``, ``timeline_1s``.

        Every number has its unit in its name: ``_ms``, ``_s`` (of ``duration_s``), ``_tok``; ``tok_s`` and ``req_s``
        are per second; ``share``, ``rate``, ``attainment`` are 0..1; the others are counts.
        """
        return {
            "summary": {
                "requests": {"sent": self.sent, "ok": self.sent - self.failed, "failed": self.failed},
                "partial": self.partial,
                "duration_s": self.duration,
                "error_rate": self.error_rate,
                "req_s": self.throughput.req_s,
                "out_tok_s": self.throughput.out_tok_s,
                "in_tok_s": self.throughput.in_tok_s,
                "total_tok_s": self.throughput.total_tok_s,
                "peak_out_tok_s": self.peak_out_tok_s,
                "mean_in_flight": self.mean_in_flight,
                "peak_in_flight": self.peak_in_flight,
                "out_tok": self.throughput.output_tokens,
                "in_tok": self.throughput.input_tokens,
                "answers_with_estimated_tokens": self.tokens_estimated,
                "answers_with_estimated_itl": self.itl_estimated,
                **self._latencies_json(),
                "cache": self.cache and self.cache.to_json(),
                "errors": [group.to_json() for group in self.errors],
                "server": self.server and self.server.to_json(),
                "server_reported": {name: spread.to_json() for name, spread in self.reported.items()},
                "client": {**asdict(self.client), "warnings": list(self.client.warnings)},
            },
            "steady_state": self.steady and self.steady.to_json(),
            "slo": self.goodput and self.goodput.to_json(),
            "timeline_1s": [second.to_json() for second in self.seconds],
        }

    def _latencies_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in Latencies.__dataclass_fields__:
            spread: Distribution | None = getattr(self.latencies, name)
            speed = name == "user_tok_s"
            key = name if speed else f"{name}_ms"
            found[key] = None if spread is None else spread.to_json(1.0 if speed else _MILLISECONDS)
        return found


def summarize(run: Run, slos: Sequence[Slo] = (), steady_ratio: float = RATIO) -> Summary:
    """Computes every figure of a run.

    Args:
        run: What was noted.
        slos: Limits for goodput.
        steady_ratio: Of the peak of requests in flight, that makes the steady state.
    """
    records = run.records
    answered = [latency_of(record) for record in records if record.failure is None]
    spans = levels(records)
    seconds = timeline(records, answered, spans)
    return Summary(
        sent=len(records),
        failed=len(records) - len(answered),
        partial=run.partial,
        duration=run.duration,
        latencies=_latencies(answered),
        throughput=throughput(answered, run.duration),
        steady=steady_state(answered, spans, steady_ratio),
        peak_out_tok_s=peak_tokens(seconds),
        mean_in_flight=mean_within(spans, spans[0].start, spans[-1].end) if spans else 0.0,
        peak_in_flight=peak(spans),
        tokens_estimated=sum(latency.tokens.estimated for latency in answered),
        itl_estimated=sum(latency.tokens.split for latency in answered),
        goodput=goodput(answered, slos, len(records), run.duration) if slos else None,
        cache=cache_hits(answered),
        errors=group_errors(records),
        server=server_side(run.before, run.after),
        reported=_reported(answered),
        client=run.client,
        seconds=seconds,
    )


def _latencies(answered: Sequence[Latency]) -> Latencies:
    def over(value: Callable[[Latency], float | None]) -> Distribution | None:
        return describe(_known(map(value, answered)))

    return Latencies(
        ttft=over(lambda latency: latency.ttft),
        tpot=over(lambda latency: latency.tpot),
        itl=describe_weighted(gap for latency in answered for gap in latency.token_gaps()),
        icl=describe(gap for latency in answered for gap in latency.chunk_gaps()),
        e2el=over(lambda latency: latency.e2el),
        ntpot=over(lambda latency: latency.ntpot),
        user_tok_s=over(lambda latency: latency.user_tok_s),
        ttft_scheduled=over(lambda latency: latency.ttft_scheduled),
        e2el_scheduled=over(lambda latency: latency.e2el_scheduled),
        send_delay=over(lambda latency: latency.send_delay),
    )


def _reported(answered: Sequence[Latency]) -> dict[str, Distribution]:
    names = dict.fromkeys(name for latency in answered for name in latency.record.server)
    spreads = {name: describe(_known(latency.record.server.get(name) for latency in answered)) for name in names}
    return {name: spread for name, spread in spreads.items() if spread is not None}


def _known(values: Iterable[float | None]) -> Iterable[float]:
    return (value for value in values if value is not None)
