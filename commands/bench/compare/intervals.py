"""The interval of the ratio of one metric in two results, by the means that fit the metric.

* Percentiles and means of TTFT, TPOT, E2EL: the requests are resampled.
* Requests and tokens per second are one number a run. Over the steady state its whole seconds are resampled in
  blocks when both runs have twenty; this assumes a load without a trend. Over a whole closed loop its requests are
  resampled and played again (`sgl_cli.bench.compare.closed_loop`), and where there are seconds enough the wider of
  both holds: blocks know of drift, and replays of the idle lines at the end. In a closed loop of fewer seconds the
  steady state has the spread of sum(tokens) / sum(E2EL), to which its throughput is proportional. An open loop of
  fewer seconds has none: its throughput is what was sent.
* Shares (errors, attainment): from their counts.
* ITL and ICL: none. Their samples hang together within a request, and the file does not keep them; TPOT has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..metrics.definitions import Choice
from ..metrics.percentiles import PERMILLE
from ..metrics.reading import read
from ..result import Result
from .bootstrap import (
    Interval,
    ratio_of_means,
    ratio_of_quantiles,
    ratio_of_rates,
    ratio_of_series,
    ratio_of_shares,
)
from .closed_loop import ratio_of_replays

FEWEST: Final = 20
"""Seconds or requests that an interval of a throughput takes."""

PER_SECOND: Final[Mapping[str, str]] = {
    "out_tok_s": "out_tok",
    "steady_out_tok_s": "out_tok",
    "req_s": "ended",
    "steady_req_s": "ended",
}
"""Metrics of the timeline -> the key in a second."""

_NO_INTERVAL: Final = "one figure a run, without a spread"


def interval_of(choice: Choice, base: Result, new: Result) -> tuple[Interval | None, str]:
    """The interval of new / base, and where it comes from or why there is none. Both results have the metric."""
    name = choice.metric.name
    if choice.metric.spread:
        return _of_requests(choice, base, new)
    if name in PER_SECOND:
        return _of_throughput(choice, base, new)
    if name in ("error_rate", "slo_attainment"):
        return ratio_of_shares(_count(name, base), _count(name, new)), "from the counts"
    return None, _NO_INTERVAL


def values_of(choice: Choice, result: Result) -> list[float]:
    """The metric of each request in a result's samples, in milliseconds or tok/s; empty when they do not have it."""
    name, samples = choice.metric.name, result.samples
    if name in ("ttft", "tpot", "e2el", "send_delay"):
        return samples.known(f"{name}_ms")
    if name == "user_tok_s":
        return [1000 / value for value in samples.known("tpot_ms") if value > 0]
    if name in ("ttft_scheduled", "e2el_scheduled"):
        columns = samples.columns[f"{name.partition('_')[0]}_ms"], samples.columns["send_delay_ms"]
        pairs = zip(*columns, strict=True)
        return [value + delay for value, delay in pairs if value is not None and delay is not None]
    if name == "ntpot":
        pairs = zip(samples.columns["e2el_ms"], samples.columns["out_tok"], strict=True)
        return [value / tokens for value, tokens in pairs if value is not None and tokens]
    return []


def _of_requests(choice: Choice, base: Result, new: Result) -> tuple[Interval | None, str]:
    left, right = values_of(choice, base), values_of(choice, new)
    if not left or not right:
        return None, "the requests do not keep it; see TPOT"
    if choice.stat in PERMILLE:
        return ratio_of_quantiles(left, right, PERMILLE[choice.stat] / 1000), "requests resampled"
    if choice.stat == "mean":
        return ratio_of_means(left, right), "requests resampled"
    return None, f"{choice.stat} depends on single requests"


def _of_throughput(choice: Choice, base: Result, new: Result) -> tuple[Interval | None, str]:
    """The widest interval of the means that fit. How far luck reaches is known around the resampled figure, and is
    carried over to the figure that is shown, which is the run's own."""
    ways = {"seconds resampled in blocks": _by_seconds(PER_SECOND[choice.metric.name], base, new)}
    if not choice.metric.name.startswith("steady_"):
        ways["requests resampled and replayed"] = _by_replays(PER_SECOND[choice.metric.name], base, new)
    elif ways["seconds resampled in blocks"] is None:
        ways["requests resampled"] = _by_requests(PER_SECOND[choice.metric.name], base, new)
    found = [interval for interval in ways.values() if interval is not None]
    if not found:
        return None, f"takes {FEWEST} steady seconds, or {FEWEST} requests of a closed loop, in both runs"
    shown = _ratio(read(base.document, choice).value or 0.0, read(new.document, choice).value or 0.0)
    widest = Interval(min(interval.low for interval in found), max(interval.high for interval in found))
    return widest.scaled(shown), ", ".join(how for how, interval in ways.items() if interval is not None)


def _by_seconds(key: str, base: Result, new: Result) -> Interval | None:
    """Around 1, as the two that follow."""
    left, right = _full_seconds(base, key), _full_seconds(new, key)
    if min(len(left), len(right)) < FEWEST:
        return None
    return _around_one(ratio_of_series(left, right), _ratio(sum(left) / len(left), sum(right) / len(right)))


def _by_replays(key: str, base: Result, new: Result) -> Interval | None:
    left, right = _work(base, key), _work(new, key)
    lines = _lines(base), _lines(new)
    if not min(lines) or min(len(left), len(right)) < FEWEST:
        return None
    return ratio_of_replays((left, lines[0]), (right, lines[1]))


def _by_requests(key: str, base: Result, new: Result) -> Interval | None:
    left, right = _work(base, key), _work(new, key)
    if not min(_lines(base), _lines(new)) or min(len(left), len(right)) < FEWEST:
        return None
    return _around_one(ratio_of_rates(left, right), _ratio(_rate(left), _rate(right)))


def _around_one(interval: Interval | None, center: float) -> Interval | None:
    return interval.scaled(1 / center) if interval is not None and center else None


def _lines(result: Result) -> int:
    """Requests that a closed loop keeps in flight; 0 in an open loop, and without a bound."""
    load = result.load
    return int(load.get("concurrency") or 0) if load.get("rate") is None else 0


def _full_seconds(result: Result, key: str) -> list[float]:
    """``key`` of every whole second within the steady state."""
    steady = result.steady_state
    if steady is None:
        return []
    start, end = steady["start_s"], steady["start_s"] + steady["duration_s"]
    return [
        float(second[key])
        for second in result.timeline
        if second["seconds"] >= 1 and start <= second["start_s"] and second["start_s"] + 1 <= end
    ]


def _work(result: Result, key: str) -> list[tuple[float, float]]:
    """(tokens, or 1 for a request; milliseconds in flight) of each request."""
    columns = result.samples.columns
    pairs = zip(columns["out_tok"], columns["e2el_ms"], strict=True)
    return [
        (tokens if key == "out_tok" else 1.0, taken)
        for tokens, taken in pairs
        if tokens is not None and taken is not None
    ]


def _rate(pairs: list[tuple[float, float]]) -> float:
    below = sum(pair[1] for pair in pairs)
    return sum(pair[0] for pair in pairs) / below if below else 0.0


def _ratio(base: float, new: float) -> float:
    return new / base if base else 0.0


def _count(name: str, result: Result) -> tuple[int, int]:
    requests: Mapping[str, Any] = result.summary["requests"]
    if name == "error_rate":
        return requests["failed"], requests["sent"]
    slo = result.slo or {}
    return slo.get("good", 0), slo.get("sent", 0)
