"""Starts of a server for people: one column a start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sgl.columns import align
from sgl.config.sizes import gib
from sgl.log import escape
from sgl.terminal import Terminal

from .startup_result import StartupResult, StartupRun

_NONE: Final = "-"
_UNKNOWN: Final = (
    "the first start is not called cold: the system did not let go of the weights, or was not asked to, so they may "
    "have come from memory"
)


def lines(result: StartupResult, terminal: Terminal) -> list[str]:
    """The result as lines of text; times are in seconds."""
    flags = f" {' '.join(result.words)}" if result.words else ""
    shown = [terminal.style(f"startup: sgl serve -m {escape(result.model + flags)}", "bold")]
    rows = list(_rows(result))
    heading, *body = align(rows, right=range(1, len(rows[0])))
    shown += [terminal.style(f"  {heading}", "bold"), *(f"  {row}" for row in body)]
    warm = result.ready("warm")
    if warm is not None and warm.count > 1:
        shown.append(f"  ready, warm: median {warm.median:.2f} s of {warm.count}")
    shown += [f"  {terminal.mark('warn')} {note}" for note in _notes(result)]
    return [terminal.fit(line) for line in shown]


def _rows(result: StartupResult) -> Iterator[tuple[str, ...]]:
    runs = result.runs
    yield ("SECONDS", *(f"{number}: {_kind(run)}" for number, run in enumerate(runs, 1)))
    for title in dict.fromkeys(phase.title for run in runs for phase in run.phases):
        yield (escape(title), *(_phase(run, title) for run in runs))
    yield ("ready", *(f"{run.ready:.2f}" for run in runs))
    yield ("first token after that", *(f"{run.first_token:.3f}" for run in runs))
    yield ("next first token", *(f"{run.next_token:.3f}" for run in runs))
    yield ("memory", *(_NONE if run.memory_bytes is None else gib(run.memory_bytes) for run in runs))


def _kind(run: StartupRun) -> str:
    return "first" if run.cache == "unknown" else run.cache


def _phase(run: StartupRun, title: str) -> str:
    times = [phase.seconds for phase in run.phases if phase.title == title]
    return f"{sum(times):.2f}" if times else _NONE


def _notes(result: StartupResult) -> Iterator[str]:
    if any(run.cache == "unknown" for run in result.runs):
        yield _UNKNOWN
    if result.partial:
        yield "cut short: not every start was measured"
