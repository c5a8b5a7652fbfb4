"""Throughput and what belongs to it: over the whole run, and beside it over its steady state."""

from __future__ import annotations

from typing import NamedTuple

from ..result import Result
from . import words
from .lookup import number, part


class FigureRow(NamedTuple):
    """One figure, as text; ``steady`` is a dash where it has no meaning there."""

    label: str
    whole: str
    steady: str = words.MISSING


def figure_rows(result: Result) -> list[FigureRow]:
    """In the order of interest; what the run does not have is left out."""
    summary, steady = result.summary, result.steady_state
    requests = part(summary, "requests")

    def both(label: str, key: str, unit: str) -> FigureRow:
        whole, within = number(summary, key), number(steady, key)
        return FigureRow(label, _with(whole, unit), _with(within, unit))

    rows = [
        FigureRow("Requests ok", words.count(number(requests, "ok")), words.count(number(steady, "ended"))),
        FigureRow("Requests failed", words.count(number(requests, "failed"))),
        both("Duration", "duration_s", "s"),
        both("Requests", "req_s", "req/s"),
        both("Output", "out_tok_s", "tok/s"),
        both("Input", "in_tok_s", "tok/s"),
        FigureRow("Total", _with(number(summary, "total_tok_s"), "tok/s"), _with(_steady_total(result), "tok/s")),
        FigureRow("Peak output, one second", _with(number(summary, "peak_out_tok_s"), "tok/s")),
        FigureRow("Per user, median", _with(number(summary, "user_tok_s", "p50"), "tok/s")),
        both("In flight, mean", "mean_in_flight", ""),
        FigureRow("In flight, peak", words.count(number(summary, "peak_in_flight"))),
        FigureRow("Prompt tokens cached", words.percent(number(summary, "cache", "share"))),
    ]
    kept = ("Requests failed", "Requests ok")
    return [row for row in rows if row.label in kept or not row.whole == row.steady == words.MISSING]


def steady_note(result: Result) -> str:
    """Which part of the run the steady state is, or that there is none."""
    steady = result.steady_state
    if steady is None:
        return "no steady state: the load was never full for any length of time"
    start, length = number(steady, "start_s"), number(steady, "duration_s")
    least, most = number(steady, "threshold_in_flight"), number(steady, "peak_in_flight")
    full = "" if least is None or most is None else f", at least {least:,.0f} of {most:,.0f} in flight"
    return f"steady state: {words.seconds(length)} from {words.seconds(start)} on{full}"


def _steady_total(result: Result) -> float | None:
    inputs, outputs = number(result.steady_state, "in_tok_s"), number(result.steady_state, "out_tok_s")
    return None if inputs is None or outputs is None else inputs + outputs


def _with(value: float | None, unit: str) -> str:
    return words.plain(value) if value is None or not unit else f"{words.plain(value)} {unit}"
