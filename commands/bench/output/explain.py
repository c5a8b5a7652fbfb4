"""``--explain``: what each figure means, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from sgl.terminal import Terminal

from ..metrics.definitions import METRICS, OTHER_NAMES, Metric
from ..metrics.percentiles import PERMILLE, STATS, needed
from ..metrics.slo import PRESETS

_WIDEST: Final = 100
_INDENT: Final = "  "

_RULES: Final = (
    (
        "Time",
        "Every time is read from one monotonic clock when bytes arrive, before they are parsed. Failed requests have"
        " no latency: they count among the errors, and as misses of every objective.",
    ),
    (
        "Tokens",
        "Counted by the server's usage. A server that sends none has its chunks counted, and the result says so.",
    ),
    (
        "Percentiles",
        "Interpolated linearly, and given only where at least ten samples lie beyond: "
        + ", ".join(f"{stat} takes {needed(stat):,}" for stat in PERMILLE)
        + ". Others read n/a.",
    ),
    (
        "Open loop",
        "With --rate, requests are sent by the clock. TTFT and E2EL are then given twice: from when a request was sent,"
        " and from when it should have been, so that a client that fell behind hides nothing.",
    ),
    (
        "Objectives",
        "--goodput ttft:200 sets a limit for each request; a request is good when it keeps to all. Presets: "
        + "; ".join(f"{name} ({' '.join(limits)})" for name, limits in PRESETS.items())
        + ".",
    ),
    (
        "Comparisons",
        "A difference is better or worse when the 95 % interval of the ratio, by bootstrap, leaves 1 out, and noise"
        " when it does not.",
    ),
    (
        "Knee",
        "Of a sweep, the level with the most throughput divided by mean E2EL: above it latency grows faster than"
        " throughput.",
    ),
)


def explain_lines(terminal: Terminal) -> list[str]:
    """The definitions for a terminal, no wider than is good to read."""
    width = max(40, min(terminal.columns, _WIDEST))
    lines = [terminal.style("Metrics", "bold")]
    for metric in METRICS:
        lines += _metric(metric, terminal, width)
    lines += ["", terminal.style("Rules", "bold")]
    for name, text in _RULES:
        lines += [_INDENT + terminal.style(name, "cyan"), *_wrapped(text, width)]
    lines += ["", terminal.style("In assertions", "bold"), *_wrapped(_assertions(), width, _INDENT)]
    return [terminal.fit(line) for line in lines]


def rules() -> Iterator[tuple[str, str]]:
    """What holds for all figures: (name, text)."""
    yield from _RULES


def _metric(metric: Metric, terminal: Terminal, width: int) -> list[str]:
    names = [metric.name, *(other for other, name in OTHER_NAMES.items() if name == metric.name)]
    head = f"{terminal.style(metric.name, 'cyan')}  {metric.label}, {metric.unit}, from the {metric.source}"
    also = f" Also: {', '.join(names[1:])}." if len(names) > 1 else ""
    return [_INDENT + head, *_wrapped(metric.text + also, width)]


def _assertions() -> str:
    return (
        "Write metric.statistic, a sign and a value: --assert 'ttft.p99<200ms', 'error_rate<1%'. Statistics are "
        f"{', '.join(STATS)}; p50 is meant when none is named."
    )


def _wrapped(text: str, width: int, indent: str = 2 * _INDENT) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
