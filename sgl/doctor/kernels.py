"""The self-test of the kernels (`sgl.selftest`), run in a process of its own and read as findings.

That process is the only one here that imports torch. It tells which case it begins, so a crash has a name.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sgl.doctor.finding import Finding, Status
from sgl.doctor.machine import PYTHON, Machine, Ran

COMMAND: Final = (PYTHON, "-m", "sgl.selftest", "--json")
TIMEOUT: Final = 120.0
"""Seconds; it takes three, most of them to import torch, and more on a machine that is busy."""
CODES: Final = {
    "linear": "SGL501",
    "attention": "SGL502",
    "RMSNorm": "SGL503",
    "rotary embedding": "SGL503",
    "KV pool": "SGL504",
    "sampler": "SGL505",
    "built-in model": "SGL506",
    "CUDA": "SGL507",
    "Triton": "SGL507",
    "FlashInfer": "SGL507",
}
"""The code of every kernel: what the name of a case begins with, up to a comma."""
RAN_CODE: Final = "SGL508"
GPU_CODE: Final = "SGL507"

_REINSTALL: Final = "pip install --force-reinstall torch"
_REPORT: Final = "sgl doctor --kernels --report"


@dataclass(frozen=True, slots=True)
class Result:
    """One case of the self-test, as it was printed."""

    name: str
    status: Status
    detail: str
    milliseconds: float
    largest: float | None
    error: str

    @property
    def kernel(self) -> str:
        """What the case belongs to: ``attention`` for ``attention, decode``."""
        return self.name.partition(",")[0]


def kernel_findings(machine: Machine, timeout: float = TIMEOUT) -> list[Finding]:
    """Runs the self-test and reports one finding for each kernel, and one for each case that is wrong."""
    ran = machine.run(COMMAND, timeout)
    results, running = _read(ran.stdout)
    findings = [finding for kernel in dict.fromkeys(CODES.values()) for finding in _of_code(kernel, results)]
    trouble = _trouble(ran, running, timeout)
    return findings if trouble is None else [*findings, trouble]


def _read(stdout: str) -> tuple[list[Result], str | None]:
    """The finished cases, and the one that was running when the output ended."""
    results: list[Result] = []
    running = None
    for line in stdout.splitlines():
        fields = _object(line)
        if "begin" in fields:
            running = str(fields["begin"])
        elif fields:
            results.append(Result(**fields))
            running = None
    return results, running


def _object(line: str) -> dict[str, Any]:
    """The JSON object of a line; empty for half a line, and for what a library printed in between."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    expected = {"begin"}, set(Result.__dataclass_fields__)
    return value if isinstance(value, dict) and value.keys() in expected else {}


def _of_code(code: str, results: Iterable[Result]) -> list[Finding]:
    mine = [result for result in results if CODES.get(result.kernel) == code]
    wrong = [_wrong(code, result) for result in mine if result.status == "error"]
    rest = [result for result in mine if result.status != "error"]
    if code == GPU_CODE:
        return wrong + _gpu(rest)
    kernels = dict.fromkeys(result.kernel for result in rest)
    return wrong + [_right(code, kernel, [one for one in rest if one.kernel == kernel]) for kernel in kernels]


def _right(code: str, kernel: str, results: Sequence[Result]) -> Finding:
    """One line for the cases of a kernel, none of which is wrong."""
    milliseconds = round(sum(result.milliseconds for result in results))
    doubtful = [result for result in results if result.status == "warn"]
    data = {result.name: result.detail for result in results}
    if doubtful:
        detail = doubtful[0].detail
        return Finding(
            code=code, group="kernels", title=kernel, status="warn", detail=detail, remedy=_REINSTALL, data=data
        )
    detail = results[0].detail
    if len(results) > 1:
        detail = f"{len(results)} cases agree with their plain twins"
    return Finding(
        code=code, group="kernels", title=kernel, status="ok", detail=f"{detail}, {milliseconds} ms", data=data
    )


def _wrong(code: str, result: Result) -> Finding:
    detail = f"{result.detail}: {result.error}" if result.error else result.detail
    return Finding(
        code=code,
        group="kernels",
        title=result.name,
        status="error",
        detail=f"{detail}; answers would be wrong",
        remedy=f"{_REINSTALL}; if it stays, report it with {_REPORT}",
        data={"case": result.name, "largest": result.largest, "error": result.error},
    )


def _gpu(results: Sequence[Result]) -> list[Finding]:
    """One line for each kernel that was tested, and one for all that this machine does not have."""
    tested = [result for result in results if result.status != "skip"]
    kernels = dict.fromkeys(result.kernel for result in tested)
    found = [_right(GPU_CODE, kernel, [one for one in tested if one.kernel == kernel]) for kernel in kernels]
    return found + _skipped([result for result in results if result.status == "skip"])


def _skipped(results: Sequence[Result]) -> list[Finding]:
    if not results:
        return []
    reasons: dict[str, dict[str, None]] = {}
    for result in results:
        reasons.setdefault(result.detail, {})[result.kernel] = None
    detail = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
    data = {result.name: result.detail for result in results}
    return [Finding(code=GPU_CODE, group="kernels", title="GPU kernels", status="skip", detail=detail, data=data)]


def _trouble(ran: Ran, running: str | None, timeout: float) -> Finding | None:
    """The finding about a self-test that did not come to its end, or None."""
    where = f"in the case '{running}'" if running else "before the first case"
    remedy = _REINSTALL
    if ran.problem == "timeout":
        detail = f"the self-test did not end within {timeout:g} s; it was {where}"
        remedy = "python -m sgl.selftest"
    elif ran.problem:
        detail = f"the self-test could not be started: {ran.problem} {ran.stderr}".strip()
    elif ran.status is not None and ran.status < 0:
        detail = f"the self-test crashed with {_signal_name(-ran.status)} {where}"
        remedy = f"{_REINSTALL}; if it stays, report it with {_REPORT}"
    elif running or ran.status not in (0, 3):
        said = (ran.stderr.strip().splitlines() or [f"exit status {ran.status}"])[-1]
        detail = f"the self-test failed {where}: {said}"
    else:
        return None
    return Finding(
        code=RAN_CODE,
        group="kernels",
        title="self-test",
        status="error",
        detail=detail,
        remedy=remedy,
        data={"case": running, "exit_status": ran.status},
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
