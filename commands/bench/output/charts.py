"""Which plots a run and a sweep have."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ..result import Result
from . import words
from .axis import linear_axis, spread_axis
from .knee import find_knee, is_sweep
from .levels import label, throughput
from .lookup import number
from .plot import Plot, Point, Series

MOST_STEPS: Final = 300
MOST_DOTS: Final = 2000
MOST_MOMENTS: Final = 400
"""Points of one series; a page of all 10,000 would be slow to open and look the same."""

_WIDE_ENOUGH: Final = 0.5
"""Seconds of the run's last, shorter one, from which on its rate means something."""

_LATENCIES: Final = (("ttft_ms", "TTFT"), ("tpot_ms", "TPOT"), ("e2el_ms", "E2EL"))


def run_plots(result: Result, prefix: str) -> list[Plot]:
    """Those that the run has data for; ``prefix`` makes their ids unique on the page."""
    found = (
        _over_time(result, f"{prefix}-throughput", "Output over time", "tok/s", _tokens_per_second),
        _over_time(result, f"{prefix}-flight", "Requests in flight over time", "requests", _in_flight),
        *(_distribution(result, prefix, key, name) for key, name in _LATENCIES),
        _against_input(result, f"{prefix}-input"),
    )
    return [plot for plot in found if plot is not None]


def knee_plot(levels: Sequence[Result], prefix: str) -> Plot | None:
    """TTFT against throughput, a point for each level; None for what is no sweep."""
    if not is_sweep(levels):
        return None
    high = next((stat for stat in ("p99", "p95", "p90") if all(_ttft(level, stat) is not None for level in levels)), "")
    names = [label(level, levels) for level in levels]
    series = []
    for stat in filter(None, ("p50", high)):
        points = [(throughput(level, "out_tok_s"), _ttft(level, stat)) for level in levels]
        known = [(x, y, name) for (x, y), name in zip(points, names, strict=True) if x is not None and y is not None]
        series.append(Series(f"TTFT {stat}", [(x, y) for x, y, _ in known], labels=[name for _, _, name in known]))
    if not series or len(series[0].points) < 2:
        return None
    knee = find_knee(levels)
    marked = None
    if knee is not None and (x := throughput(levels[knee], "out_tok_s")) is not None:
        marked = None if (y := _ttft(levels[knee], "p50")) is None else (x, y)
    every = [point for one in series for point in one.points]
    where = "" if knee is None else f" The knee is at {names[knee]}."
    return Plot(
        f"{prefix}-knee",
        "Throughput and TTFT by load",
        f"A point for each level of load: {', '.join(names)}.{where}",
        linear_axis("output tok/s", [x for x, _ in every]),
        spread_axis("TTFT, ms", [y for _, y in every]),
        series,
        marked,
    )


def _over_time(
    result: Result, id_: str, title: str, unit: str, value: Callable[[Mapping[str, Any]], float | None]
) -> Plot | None:
    points = _averaged([(start, y) for start, y in _moments(result, value) if start is not None and y is not None])
    if len(points) < 2:
        return None
    highest = max(y for _, y in points)
    return Plot(
        id_,
        title,
        f"Second by second, at most {words.plain(highest)} {unit}.",
        linear_axis("seconds after the start", [x for x, _ in points]),
        linear_axis(unit, [y for _, y in points]),
        [Series("", points)],
    )


def _moments(
    result: Result, value: Callable[[Mapping[str, Any]], float | None]
) -> list[tuple[float | None, float | None]]:
    seconds = [second for second in result.timeline if (number(second, "seconds") or 0.0) >= _WIDE_ENOUGH]
    return [(number(second, "start_s"), value(second)) for second in seconds]


def _tokens_per_second(second: Mapping[str, Any]) -> float | None:
    tokens, length = number(second, "out_tok"), number(second, "seconds")
    return None if tokens is None or not length else tokens / length


def _in_flight(second: Mapping[str, Any]) -> float | None:
    return number(second, "in_flight")


def _averaged(points: Sequence[Point]) -> list[Point]:
    """At most `MOST_MOMENTS`, each the mean of as many that follow one another."""
    size = max(1, math.ceil(len(points) / MOST_MOMENTS))
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(group[0][0], sum(y for _, y in group) / len(group)) for group in groups]


def _distribution(result: Result, prefix: str, key: str, name: str) -> Plot | None:
    values = sorted(result.samples.known(key))
    if len(values) < 2:
        return None
    below = [(value, 100 * (place + 1) / len(values)) for place, value in enumerate(values)]
    p50, p99 = (words.milliseconds(number(result.summary, key, stat)) for stat in ("p50", "p99"))
    return Plot(
        f"{prefix}-{key.removesuffix('_ms')}",
        f"{name}, share of requests below",
        f"Distribution over {words.several(len(values), 'request')}: median {p50}, p99 {p99}.",
        spread_axis(f"{name}, ms", values),
        linear_axis("% of requests", [0.0, 100.0]),
        [Series("", [(values[0], 0.0), *_thinned(below, MOST_STEPS)], "steps")],
    )


def _against_input(result: Result, id_: str) -> Plot | None:
    columns = result.samples.columns
    pairs = zip(columns.get("in_tok", ()), columns.get("ttft_ms", ()), strict=False)
    points = _thinned([(x, y) for x, y in pairs if x is not None and y is not None], MOST_DOTS)
    if len({x for x, _ in points}) < 2:
        return None
    return Plot(
        id_,
        "TTFT against input length",
        f"A point for each of {words.several(len(points), 'request')}.",
        spread_axis("prompt tokens", [x for x, _ in points]),
        spread_axis("TTFT, ms", [y for _, y in points]),
        [Series("", points, "points")],
    )


def _thinned(points: Sequence[Point], most: int) -> list[Point]:
    """At most ``most`` of them, evenly spaced, the last one among them."""
    if len(points) <= most:
        return list(points)
    return [points[place * (len(points) - 1) // (most - 1)] for place in range(most)]


def _ttft(level: Result, stat: str) -> float | None:
    return number(level.summary, "ttft_ms", stat)
