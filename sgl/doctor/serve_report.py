"""The report of ``sgl doctor serve``: for people, with the memory as a bar, and as JSON."""

from __future__ import annotations

from typing import Any

from sgl.doctor.report import as_json, verdict
from sgl.doctor.serve import ServeReport
from sgl.doctor.text import text_report
from sgl.preview.document import plan_document
from sgl.preview.plan_text import plan_lines
from sgl.terminal import Terminal


def serve_text(report: ServeReport, terminal: Terminal, *, verbose: bool = False) -> str:
    """The report for people, without a closing line break."""
    plan = report.fit.plan
    figures = [] if plan is None else ["", *plan_lines(plan, terminal)]
    closing = {
        "ok": "it will start",
        "warn": "it will start; {warn} says what could be better",
        "error": "it will not start as it is: see {error}",
    }[verdict(report.findings)]
    return text_report(
        report.findings,
        terminal,
        verbose=verbose,
        closing=closing,
        figures={"fit": [f"  {line}".rstrip() for line in figures]},
    )


def serve_document(report: ServeReport) -> dict[str, Any]:
    """The findings as in ``sgl doctor --json``, with the memory plan and the changes that make it fit."""
    plan = report.fit.plan
    return {
        **as_json(report.findings),
        "memory": None if plan is None else plan_document(plan),
        "changes": [
            {
                "flags": list(change.flags),
                "text": change.text,
                "available": change.available,
                "memory": plan_document(change.plan),
            }
            for change in report.fit.changes
        ],
    }
