"""Where the results of a campaign go: tables and JSON on standard output, and the files that were asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from ..compare.junit import junit_xml
from ..compare.outcome import Outcome
from ..compare.rows import Comparison
from ..flags.plan import OutputWish
from ..output.csv_rows import csv_text
from ..output.html import html_text
from ..output.json_file import comparison_text, json_text, save
from ..output.markdown import comparison_markdown, markdown_text
from ..output.report import print_results
from ..output.requests import request_lines
from ..output.table import print_comparison, print_outcomes
from ..output.writing import STANDARD_OUTPUT, check_writable, write_lines, write_text
from ..result import Result
from .runner import Finished


def check_places(wish: OutputWish) -> None:
    """Looks before a long run whether everything can be written.

    Raises:
        UsageError: It cannot.
    """
    for path in _places(wish):
        if path is not None and not (path == wish.save and path.is_dir()):
            check_writable(path)


def deliver(
    finished: Sequence[Finished],
    outcomes: Sequence[Outcome],
    wish: OutputWish,
    comparison: Comparison | None = None,
    names: tuple[str, str] = ("base", "new"),
) -> None:
    """Writes and prints everything.

    Args:
        finished: The runs; there is at least one.
        outcomes: Of the assertions.
        wish: Where things go.
        comparison: Of two servers, which is shown in place of the runs.
        names: What the two are called.

    Raises:
        UsageError: A file cannot be written; the tables have been printed by then.
    """
    results = [each.result for each in finished]
    _show(results, outcomes, wish, comparison, names)
    if wish.save is not None:
        path = save(wish.save, results)
        if not wish.quiet and path != STANDARD_OUTPUT:
            print(f"saved: {path}", file=sys.stderr)
    markdown = comparison_markdown(comparison, outcomes, names) if comparison else markdown_text(results, outcomes)
    seconds = sum(each.run.duration for each in finished)
    files: tuple[tuple[Path | None, Callable[[], str]], ...] = (
        (wish.csv, lambda: csv_text(results)),
        (wish.markdown, lambda: markdown),
        (wish.html, lambda: html_text(results, outcomes, comparison)),
        (wish.junit, lambda: junit_xml(outcomes, seconds=seconds)),
    )
    for place, text in files:
        if place is not None:
            write_text(place, text())
    if wish.requests is not None:
        write_lines(wish.requests, request_lines([each.run.records for each in finished]))


def level_line(finished: Finished) -> str:
    """One run of several in a few words."""
    summary, ttft = finished.summary, finished.summary.latencies.ttft
    words = [f"{summary.throughput.out_tok_s:,.1f} tok/s", f"{summary.throughput.req_s:,.2f} req/s"]
    if ttft is not None:
        words.append(f"TTFT {1000 * ttft.quantiles.get('p50', ttft.mean):,.1f} ms")
    if summary.failed:
        words.append(f"{summary.failed:,} of {summary.sent:,} failed")
    return ", ".join(words)


def _show(
    results: Sequence[Result],
    outcomes: Sequence[Outcome],
    wish: OutputWish,
    comparison: Comparison | None,
    names: tuple[str, str],
) -> None:
    if wish.as_json:
        sys.stdout.write(comparison_text(comparison, outcomes) if comparison else json_text(results))
    elif STANDARD_OUTPUT not in _places(wish):
        if comparison is not None:
            print_comparison(comparison, sys.stdout, names)
        else:
            print_results(results, sys.stdout)
    rows: TextIO = sys.stderr if wish.as_json or STANDARD_OUTPUT in _places(wish) else sys.stdout
    if outcomes:
        print(file=rows)
        print_outcomes(outcomes, rows)


def _places(wish: OutputWish) -> tuple[Path | None, ...]:
    return (wish.save, wish.requests, wish.csv, wish.markdown, wish.html, wish.junit)
