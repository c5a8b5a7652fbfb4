"""The steady state: the part of a run in which the server really had the load that was asked for.

A run begins with nobody waiting and ends with a tail of the longest answers. Figures over all of it mix the load
that was meant with lighter ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from .in_flight import Level, mean_within, peak
from .latency import Latency
from .throughput import tokens_between

RATIO: Final = 0.95
"""Of the peak, that requests in flight have to reach."""

BRIDGE: Final = 0.05
"""Seconds of less load that do not end the window: in a closed loop the next request is sent a moment after an
answer's end, and with few of them each such moment is a dip below the ratio."""


@dataclass(frozen=True, slots=True)
class Window:
    """The longest time with enough requests in flight, in seconds after the run's start."""

    start: float
    end: float
    threshold: int
    peak: int


@dataclass(frozen=True, slots=True)
class SteadyState:
    """Throughput within the window. The fields are named as in the result file.

    Attributes:
        start_s: Begin of the window, after the run's start.
        duration_s: Its length.
        ratio: Of the peak, that was asked for.
        threshold_in_flight: Requests in flight that this makes.
        peak_in_flight: Most requests in flight in the run.
        mean_in_flight: On average over the window.
        ended: Requests that ended well in it.
        out_tok: Tokens that came in it.
        out_tok_s: The same per second.
        in_tok_s: Prompt tokens of the answered requests sent in it, per second; None when a length is not known.
        req_s: `ended` per second.
    """

    start_s: float
    duration_s: float
    ratio: float
    threshold_in_flight: int
    peak_in_flight: int
    mean_in_flight: float
    ended: int
    out_tok: float
    out_tok_s: float
    in_tok_s: float | None
    req_s: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def find_window(spans: Sequence[Level], ratio: float = RATIO, bridge: float = BRIDGE) -> Window | None:
    """The longest time with at least ``ratio`` of the peak in flight, the first of equals; None without a request.

    Args:
        spans: The levels of the run.
        ratio: 0..1, without 0.
        bridge: Dips of up to so many seconds are passed over.

    Raises:
        ValueError: ``ratio`` is not a ratio.
    """
    if not 0 < ratio <= 1:
        raise ValueError(f"a ratio of the peak is above 0 and at most 1, not {ratio}")
    most = peak(spans)
    # Less a hair: 0.07 of 100 is a little more than 7 in floats.
    threshold = max(1, math.ceil(ratio * most - 1e-9))
    found: list[tuple[float, float]] = []
    for span in spans:
        if span.requests >= threshold:
            if found and span.start - found[-1][1] <= bridge:
                found[-1] = (found[-1][0], span.end)
            else:
                found.append((span.start, span.end))
    if not found:
        return None
    start, end = max(found, key=lambda bounds: bounds[1] - bounds[0])
    return Window(start, end, threshold, most) if end > start else None


def steady_state(
    answered: Sequence[Latency], spans: Sequence[Level], ratio: float = RATIO, bridge: float = BRIDGE
) -> SteadyState | None:
    """Throughput in the steady window of a run; None in a run without one."""
    window = find_window(spans, ratio, bridge)
    if window is None:
        return None
    duration = window.end - window.start
    tokens = tokens_between(answered, window.start, window.end)
    lengths = [latency.record.input_tokens for latency in answered if window.start <= latency.record.sent < window.end]
    known = [length for length in lengths if length is not None]
    ended = sum(window.start <= latency.record.ended <= window.end for latency in answered)
    return SteadyState(
        start_s=window.start,
        duration_s=duration,
        ratio=ratio,
        threshold_in_flight=window.threshold,
        peak_in_flight=window.peak,
        mean_in_flight=mean_within(spans, window.start, window.end),
        ended=ended,
        out_tok=tokens,
        out_tok_s=tokens / duration,
        in_tok_s=sum(known) / duration if len(known) == len(lengths) else None,
        req_s=ended / duration,
    )
