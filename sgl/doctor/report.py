"""What the findings add up to: counts, verdict, exit code, and the whole as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Literal

from sgl._version import __version__
from sgl.doctor.codes import CODES
from sgl.doctor.finding import Finding

SCHEMA_VERSION: Final = 1
CHECK_FAILED: Final = 3
"""Exit code when something will fail; with ``--strict`` also for warnings."""

ENGINE_CODE: Final = "SGL213"
"""The finding on where a start computes: ok for a GPU."""

Verdict = Literal["ok", "warn", "error"]


def verdict(findings: Sequence[Finding]) -> Verdict:
    """The worst status: ``error``, ``warn`` or ``ok``."""
    statuses = {finding.status for finding in findings}
    return "error" if "error" in statuses else "warn" if "warn" in statuses else "ok"


def exit_code(findings: Sequence[Finding], *, strict: bool) -> int:
    """0, or 3 when there are errors (or warnings, when ``strict``)."""
    worst = verdict(findings)
    return CHECK_FAILED if worst == "error" or (strict and worst == "warn") else 0


def count(findings: Sequence[Finding]) -> str:
    """``2 errors, 1 warning, 19 ok``."""
    counts = Counter(finding.status for finding in findings)
    numbers = (("error", counts["error"]), ("warning", counts["warn"]))
    bad = [f"{number} {name}{'s' if number > 1 else ''}" for name, number in numbers if number]
    return ", ".join([*bad, f"{counts['ok']} ok"])


def sentence(findings: Sequence[Finding]) -> str:
    """The verdict on the machine in words; ``{warn}`` and ``{error}`` stand for the marks."""
    worst = verdict(findings)
    if worst == "ok":
        return "this machine is ready to serve"
    if worst == "warn":
        return "this machine can serve; {warn} says what could be better"
    errors = [finding for finding in findings if finding.status == "error"]
    on_gpu = any(finding.code == ENGINE_CODE and finding.status == "ok" for finding in findings)
    if not on_gpu and all(finding.code in CODES and CODES[finding.code].gpu for finding in errors):
        return "this machine can serve on its CPU; {error} says what keeps its GPUs back"
    return "this machine is not ready: see {error}"


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """The document of ``--json``."""
    return {
        "schema_version": SCHEMA_VERSION,
        "sgl_version": __version__,
        "verdict": verdict(findings),
        "findings": [
            {
                "code": finding.code,
                "group": finding.group,
                "title": finding.title,
                "status": finding.status,
                "detail": finding.detail,
                "remedy": finding.remedy,
                "data": dict(finding.data),
            }
            for finding in findings
        ],
    }
