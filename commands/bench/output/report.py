"""``sgl bench report``: a saved result shown again, or made into another form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from ..result import Result
from .csv_rows import csv_text
from .html import html_text
from .json_file import read_results
from .markdown import markdown_text
from .table import print_run, print_sweep
from .writing import write_text


def report(
    files: Sequence[Path],
    stream: TextIO,
    *,
    html: Path | None = None,
    markdown: Path | None = None,
    csv: Path | None = None,
) -> None:
    """Reads result files, and writes what was asked for; tables to ``stream`` when nothing was.

    Args:
        files: One run each, or a sweep; several are shown as the levels of one sweep.
        stream: Where tables go.
        html: File of a page with plots; ``-`` is standard output, as for the others.
        markdown: File of tables for a pull request.
        csv: File with a row for each run.

    Raises:
        UsageError: A file cannot be read or written, or is no result.
    """
    results = [result for file in files for result in read_results(file)]
    made = ((html, html_text), (markdown, markdown_text), (csv, csv_text))
    for path, make in made:
        if path is not None:
            write_text(path, make(results))
    if html is markdown is csv is None:
        print_results(results, stream)


def print_results(results: Sequence[Result], stream: TextIO) -> None:
    """The tables of one run, or of a sweep; there is at least one."""
    if len(results) == 1:
        print_run(results[0], stream)
    else:
        print_sweep(results, stream)
