"""The tables of a run, a sweep and a comparison for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TextIO

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sgl.terminal import Terminal, tolerate

from ..compare.outcome import Outcome
from ..compare.rows import Comparison
from ..result import Result
from . import changes, levels
from .console import grid, pairs, print_blocks
from .facts import Fact, facts, shared_facts, title
from .figures import figure_rows, steady_note
from .latencies import ALL_STATS, FEW_STATS, STATS, latency_notes, latency_rows
from .objectives import goodput, objective_rows, outcome_rows
from .server_side import server_facts
from .trouble import client_line, error_rows, sweep_warnings, warnings

WIDE: Final = 108
"""Columns from which every statistic has room."""

NARROW: Final = 64
"""Columns below which only the median and the p99 have."""

_VERDICT_STYLES: Final = {"better": "green", "worse": "red", "noise": "dim", "unknown": "dim"}


def print_run(result: Result, stream: TextIO) -> None:
    """Everything that a person wants to know of one run."""
    print_blocks(stream, _run_blocks(result, Terminal(stream)))


def print_sweep(results: Sequence[Result], stream: TextIO) -> None:
    """One row for each level of load, and the knee."""
    print_blocks(stream, _sweep_blocks(results, Terminal(stream)))


def print_comparison(comparison: Comparison, stream: TextIO, names: tuple[str, str] = ("base", "new")) -> None:
    """One row for each metric; ``names`` is what the two runs are called."""
    print_blocks(stream, _comparison_blocks(comparison, Terminal(stream), names))


def print_outcomes(outcomes: Iterable[Outcome], stream: TextIO) -> None:
    """One line for each assertion or rule."""
    terminal = Terminal(stream)
    tolerate(stream)
    for row in outcome_rows(outcomes):
        word = terminal.style("pass", "green") if row.passed else terminal.style("FAIL", "red")
        print(f"{word}  {row.asked}  {terminal.style(row.why, 'dim')}", file=stream)


def _run_blocks(result: Result, terminal: Terminal) -> Iterator[RenderableType]:
    yield _head(result)
    yield _indented(_pairs(facts(result)))
    yield ""
    yield _indented(_figures(result, terminal))
    yield _note(steady_note(result))
    yield ""
    stats = ALL_STATS if terminal.columns >= WIDE else STATS if terminal.columns >= NARROW else FEW_STATS
    yield _indented(_latencies(result, terminal, stats))
    yield from map(_note, latency_notes(result, stats))
    if result.slo is not None:
        yield ""
        yield _indented(_objectives(result, terminal))
        yield _note(goodput(result))
    server = server_facts(result)
    if server:
        yield ""
        yield _indented(Text("Server", style="bold"))
        yield _indented(_pairs(server))
    errors = error_rows(result)
    if errors:
        yield ""
        table = grid(terminal, "Errors", "", "example", left=3)
        for row in errors:
            table.add_row(row.failures, Text(row.kind, style="red"), row.example)
        yield _indented(table)
    client = client_line(result)
    if client:
        yield ""
        yield _indented(_pairs([Fact("client", client)]))
    yield from _warnings(warnings(result), terminal)


def _sweep_blocks(results: Sequence[Result], terminal: Terminal) -> Iterator[RenderableType]:
    first = results[0]
    yield _head(first)
    yield _indented(_pairs(shared_facts(results)))
    yield ""
    table = grid(terminal, *levels.HEADINGS, "", left=0)
    for row in levels.level_rows(results):
        table.add_row(*row.cells, Text("knee" if row.knee else "", style="bold green"))
    yield _indented(table)
    yield _note(levels.legend(results))
    if line := levels.knee_line(results):
        yield _note(line)
    yield from _warnings(sweep_warnings(results), terminal)


def _comparison_blocks(comparison: Comparison, terminal: Terminal, names: tuple[str, str]) -> Iterator[RenderableType]:
    yield Text(f"sgl bench compare  {' -> '.join(names)}", style="bold")
    yield ""
    wide = terminal.columns >= WIDE
    table = grid(terminal, *changes.HEADINGS, *(["from"] if wide else []))
    table.columns[5].justify = "left"
    if wide:
        table.columns[6].justify = "left"
    for row in changes.change_rows(comparison):
        *cells, verdict = row.cells
        shown = Text(verdict, style=_VERDICT_STYLES[row.verdict])
        table.add_row(*cells, shown, *([Text(row.how, style="dim")] if wide else []))
    yield _indented(table)
    yield _note(changes.verdict_line(comparison))
    yield from _warnings(comparison.notes, terminal)


def _head(result: Result) -> Text:
    return Text(f"sgl bench  {title(result)}", style="bold")


def _pairs(rows: Iterable[Fact]) -> Table:
    table = pairs()
    for row in rows:
        table.add_row(*row)
    return table


def _figures(result: Result, terminal: Terminal) -> Table:
    steady = result.steady_state is not None
    table = grid(terminal, "Throughput", "whole run", *(["steady state"] if steady else []))
    for row in figure_rows(result):
        table.add_row(row.label, row.whole, *([row.steady] if steady else []))
    return table


def _latencies(result: Result, terminal: Terminal, stats: Sequence[str]) -> Table:
    table = grid(terminal, "Latency, ms", *stats, *(["N"] if terminal.columns >= WIDE else []))
    for row in latency_rows(result, stats):
        table.add_row(row.label, *row.cells, *([row.observations] if terminal.columns >= WIDE else []))
    return table


def _objectives(result: Result, terminal: Terminal) -> Table:
    table = grid(terminal, "Objective", "limit", "attained")
    for row in objective_rows(result):
        table.add_row(*row)
    return table


def _warnings(lines: Sequence[str], terminal: Terminal) -> Iterator[RenderableType]:
    if lines:
        yield ""
    mark = "!" if terminal.unicode else "[!]"
    for line in lines:
        table = Table.grid(padding=(0, 1))
        table.add_row(Text(mark, style="yellow"), Text(line))
        yield table


def _note(text: str) -> RenderableType:
    return _indented(Text(text, style="dim"))


def _indented(block: RenderableType) -> Padding:
    return Padding(block, (0, 0, 0, 2), expand=False)
