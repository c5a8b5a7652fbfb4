"""``sgl doctor --report``: the findings as markdown for a bug report, without anything private."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

from sgl._version import __version__
from sgl.doctor.finding import Finding
from sgl.doctor.machine import Machine
from sgl.doctor.redact import Redactor
from sgl.doctor.report import count, verdict
from sgl.log import escape

_VARIABLES: Final = (
    *("SGL_", "HF_", "HUGGING", "CUDA", "NVIDIA_", "NCCL_", "TORCH", "PYTORCH", "TRITON", "FLASHINFER", "OMP_", "MKL_"),
    *("KMP_", "TRANSFORMERS_", "TOKENIZERS_", "PYTHON", "LD_", "LANG", "LC_", "XDG_", "VIRTUAL_ENV", "CONDA_PREFIX"),
)
"""Beginnings of the names of environment variables that can matter; all others stay at home."""
_MARKS: Final = {"ok": "ok", "warn": "**warning**", "error": "**error**", "skip": "-"}


def markdown_report(findings: Sequence[Finding], machine: Machine) -> str:
    """The whole report, without a closing line break."""
    redact = Redactor.of(machine)
    interpreter = machine.interpreter
    lines = [
        "## sgl doctor",
        "",
        f"- sgl {__version__}, Python {interpreter.version}, {interpreter.platform} {interpreter.machine}, "
        f"kernel {redact(interpreter.kernel)}",
        f"- verdict: {verdict(findings)} ({count(findings)})",
    ]
    for group, members in groupby(findings, key=lambda finding: finding.group):
        lines += ["", f"### {group}", "", "| code | what | status | detail |", "|---|---|---|---|"]
        lines += [_row(finding, redact) for finding in members]
    variables = _variables(machine.environ, redact)
    if variables:
        lines += ["", "### environment", "", "```", *variables, "```"]
    return "\n".join(lines)


def matters(name: str) -> bool:
    """Whether an environment variable of this name can have to do with serving models."""
    return name.startswith(_VARIABLES) or name.lower().endswith("_proxy")


def _row(finding: Finding, redact: Redactor) -> str:
    title, detail = (html.escape(_cell(redact(text)), quote=False) for text in (finding.title, finding.detail))
    if finding.remedy:
        detail += f"<br>remedy: `{_cell(redact(finding.remedy))}`"
    return f"| {finding.code} | {title} | {_MARKS[finding.status]} | {detail} |"


def _cell(text: str) -> str:
    """Text for a cell of a table; outside of backticks, what looks like HTML has to be escaped, too."""
    return escape(text).replace("|", "\\|").replace("`", "'")


def _variables(environ: Mapping[str, str], redact: Redactor) -> list[str]:
    shown = {name: value for name, value in environ.items() if matters(name)}
    return [
        escape(f"{name}={redact.variable(name, value)}").replace("```", "'''") for name, value in sorted(shown.items())
    ]
