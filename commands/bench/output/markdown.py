"""A run, a sweep or a comparison as Markdown for a pull request: a short table, and the rest folded away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from ..compare.outcome import Outcome
from ..compare.rows import Comparison
from ..result import Result
from . import changes, levels
from .facts import command, facts, title
from .figures import figure_rows, steady_note
from .latencies import STATS, latency_notes, latency_rows
from .lookup import cleaned
from .objectives import goodput, objective_rows, outcome_rows
from .server_side import server_facts
from .trouble import client_line, error_rows, sweep_warnings, warnings

_MARKUP: Final = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]|#~!"} | {"@": "&#64;", "<": "&lt;", ">": "&gt;"})
"""What could become a heading, a link, a mention of a person, a new column, or HTML."""

_SHORT: Final = ("Requests ok", "Requests failed", "Requests", "Output", "Per user, median", "Prompt tokens cached")
"""Figures that are not folded away."""


def markdown_text(results: Sequence[Result], outcomes: Iterable[Outcome] = ()) -> str:
    """One run, or the runs of a sweep; there is at least one."""
    first = results[0]
    parts = [f"### sgl bench: {plain(title(first))}", *_outcomes(outcomes)]
    parts += _run(first) if len(results) == 1 else _sweep(results)
    parts += _command(first)
    return "\n\n".join(parts) + "\n"


def comparison_markdown(
    comparison: Comparison, outcomes: Iterable[Outcome] = (), names: tuple[str, str] = ("base", "new")
) -> str:
    """Two runs, as a comment on a change."""
    rows = [row.cells for row in changes.change_rows(comparison)]
    bold = [(*cells, f"**{cells[-1]}**" if cells[-1] in ("better", "worse") else cells[-1]) for cells in rows]
    table = [tuple(plain(cell) for cell in cells[:-2]) + cells[-1:] for cells in bold]
    how = [(row.cells[0], row.how) for row in changes.change_rows(comparison)]
    parts = [
        f"### sgl bench: {plain(cleaned(names[1]))} against {plain(cleaned(names[0]))}",
        *_outcomes(outcomes),
        f"{changes.verdict_line(comparison)}. Noise: the 95 % interval of the ratio includes no change.",
        _table(changes.HEADINGS, table, left=(0, 5)),
        *_warnings(comparison.notes),
        _folded("Where the intervals come from", _table(("Metric", "Interval"), _escaped(how), left=(0, 1))),
    ]
    return "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """Text that is only text wherever it stands."""
    return text.translate(_MARKUP)


def _run(result: Result) -> Iterator[str]:
    steady = result.steady_state is not None
    rows = figure_rows(result)
    columns = ("Figure", "whole run", "steady state") if steady else ("Figure", "whole run")
    yield _table(columns, _escaped(tuple(row)[: len(columns)] for row in rows if row.label in _SHORT))
    yield _table(("Latency, ms", *STATS), _escaped((row.label, *row.cells) for row in latency_rows(result)))
    if result.slo is not None:
        yield plain(goodput(result))
    yield from _warnings(warnings(result))
    yield _folded("Details", "\n\n".join(_details(result)))


def _details(result: Result) -> Iterator[str]:
    steady = result.steady_state is not None
    columns = ("Figure", "whole run", "steady state") if steady else ("Figure", "whole run")
    yield _table(("", ""), _escaped(facts(result)), left=(0, 1))
    yield _table(columns, _escaped(tuple(row)[: len(columns)] for row in figure_rows(result)))
    yield _list([steady_note(result), *latency_notes(result)])
    if result.slo is not None:
        yield _table(("Objective", "limit", "attained"), _escaped(objective_rows(result)))
    server = server_facts(result)
    if server:
        yield _table(("Server", ""), _escaped(server), left=(0, 1))
    errors = error_rows(result)
    if errors:
        yield _table(("Errors", "", "example"), _escaped(errors), left=(0, 1, 2))
    if line := client_line(result):
        yield f"Client: {plain(line)}"


def _sweep(results: Sequence[Result]) -> Iterator[str]:
    rows = [(*row.cells, "knee" if row.knee else "") for row in levels.level_rows(results)]
    yield _table((*levels.HEADINGS, ""), _escaped(rows))
    yield plain(". ".join(filter(None, (levels.legend(results).capitalize(), levels.knee_line(results)))))
    yield from _warnings(sweep_warnings(results))
    for result in results:
        yield _folded(levels.name(result), "\n\n".join(_details(result)))


def _command(result: Result) -> Iterator[str]:
    """Fenced by more backticks than it has itself."""
    line, fence = command(result), "```"
    while fence in line:
        fence += "`"
    if line:
        yield f"{fence}sh\n{line}\n{fence}"


def _outcomes(outcomes: Iterable[Outcome]) -> Iterator[str]:
    rows = [("pass" if row.passed else "**FAIL**", plain(row.asked), plain(row.why)) for row in outcome_rows(outcomes)]
    if rows:
        yield _table(("", "Assertion", ""), rows, left=(0, 1, 2))


def _warnings(lines: Iterable[str]) -> Iterator[str]:
    quoted = [f"> {plain(cleaned(line))}" for line in lines]
    if quoted:
        yield "\n>\n".join(quoted)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    rule = [":---" if place in left else "---:" for place in range(len(headings))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows))


def _escaped(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    return [[plain(cell) for cell in row] for row in rows]


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {plain(line)}" for line in lines)


def _folded(name: str, content: str) -> str:
    return f"<details><summary>{escape(name)}</summary>\n\n{content}\n\n</details>"
