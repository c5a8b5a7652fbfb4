"""A row for each run, every figure a column: for spreadsheets and scripts."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..metrics.definitions import METRICS
from ..metrics.percentiles import STATS
from ..result import Result
from .lookup import cleaned, number, text

_UNITS: Final = {"ms": "_ms", "s": "_s"}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet, whoever wrote it."""


def csv_text(results: Sequence[Result]) -> str:
    """The heading and a row for each run; a figure that a run does not have is an empty cell."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    rows = [_row(result) for result in results]
    writer.writerow([name for name, _ in rows[0]])
    writer.writerows([value for _, value in row] for row in rows)
    return stream.getvalue()


def _row(result: Result) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        ("name", _text(cleaned(result.name))),
        ("started", _text(cleaned(result.started))),
        ("sgl_version", _text(cleaned(result.facts.sgl_version))),
        ("model", _text(text(result.server, "model"))),
        ("gpu", _text(text(result.host, "gpu"))),
        ("dataset", _text(text(result.dataset, "name"))),
        ("seed", _text(text(result.dataset, "seed"))),
        ("sha256", _text(text(result.dataset, "sha256"))),
        ("concurrency", _cell(number(result.load, "concurrency"))),
        ("rate", _cell(number(result.load, "rate"))),
        ("partial", int(bool(result.summary.get("partial")))),
    ]
    requests = [(key, _cell(number(result.summary, "requests", key))) for key in ("sent", "ok", "failed")]
    totals = [(key, _cell(number(result.summary, key))) for key in ("in_tok", "out_tok")]
    return [*facts, *requests, *totals, *_figures(result)]


def _figures(result: Result) -> list[tuple[str, object]]:
    document: Mapping[str, Any] = result.document
    cells: list[tuple[str, object]] = []
    for metric in METRICS:
        unit = _UNITS.get(metric.unit, "")
        for stat in STATS if metric.spread else ("",):
            name = f"{metric.name}_{stat}{unit}" if stat else f"{metric.name}{unit}"
            cells.append((name, _cell(number(document, *metric.path, *filter(None, (stat,))))))
    return cells


def _cell(value: float | None) -> object:
    if value is None:
        return ""
    return int(value) if value == int(value) else round(value, 6)


def _text(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
