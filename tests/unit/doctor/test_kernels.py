"""The doctor's view of the self-test: right, wrong, raising, crashing, hanging, and absent kernels."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import pytest

from sgl.doctor.codes import CODES
from sgl.doctor.finding import Finding
from sgl.doctor.kernels import CODES as KERNEL_CODES
from sgl.doctor.kernels import COMMAND, kernel_findings
from sgl.doctor.live import LiveMachine
from sgl.doctor.machine import Ran
from sgl.selftest.table import CASES


class Broken(LiveMachine):
    """This machine, with a self-test whose kernels are broken in the named ways."""

    def __init__(self, *ways: str) -> None:
        super().__init__()
        self._ways = ways

    def run(self, command: Sequence[str], timeout: float) -> Ran:
        assert command == COMMAND
        return super().run([sys.executable, "-m", "tests.unit.selftest.broken", *self._ways], timeout)


class Says(LiveMachine):
    """This machine, with a self-test that ends like this."""

    def __init__(self, ran: Ran) -> None:
        super().__init__()
        self._ran = ran

    def run(self, command: Sequence[str], timeout: float) -> Ran:
        return self._ran


def findings(machine: LiveMachine, timeout: float = 60) -> dict[str, Finding]:
    with machine:
        found = kernel_findings(machine, timeout)
    assert all(finding.group == "kernels" and finding.code in CODES for finding in found)
    return {finding.title: finding for finding in found}


def test_every_case_belongs_to_a_code() -> None:
    assert {case.name.partition(",")[0] for case in CASES} == KERNEL_CODES.keys()


def test_the_kernels_of_this_machine() -> None:
    found = findings(LiveMachine())
    assert found["attention"].detail.startswith("6 cases agree with their plain twins")
    assert found["built-in model"].status == "ok"
    assert found["GPU kernels"].status == "skip"
    assert not [finding for finding in found.values() if finding.status == "error"]


def test_a_wrong_and_a_raising_kernel_do_not_hide_the_others() -> None:
    found = findings(Broken("wrong", "raise"))
    assert found["linear"].status == "ok"
    assert found["KV pool"].status == "ok"
    assert found["attention, wrong"].status == "error"
    assert "max abs error" in found["attention, wrong"].detail
    assert found["attention, wrong"].remedy
    assert "RuntimeError: mat1 and mat2" in found["attention, raise"].detail
    assert "self-test" not in found


def test_a_crash_names_its_case_and_keeps_what_was_found_before() -> None:
    found = findings(Broken("wrong", "crash"))
    assert found["linear"].status == "ok"
    assert found["attention, wrong"].status == "error"
    assert found["self-test"].detail == "the self-test crashed with SIGSEGV in the case 'attention, crash'"
    assert "KV pool" not in found


def test_a_case_that_hangs_is_named() -> None:
    found = findings(Broken("hang"), timeout=15)
    assert "did not end within 15 s; it was in the case 'attention, hang'" in found["self-test"].detail
    assert found["linear"].status == "ok"


@pytest.mark.parametrize(
    ("ran", "detail"),
    [
        (Ran(status=1, stderr="Traceback\nModuleNotFoundError: No module named 'torch'\n"), "No module named 'torch'"),
        (Ran(status=-4), "crashed with SIGILL before the first case"),
        (Ran(status=-77), "crashed with signal 77"),
        (Ran(status=None, problem="missing"), "could not be started: missing"),
    ],
)
def test_a_self_test_that_does_not_run(ran: Ran, detail: str) -> None:
    finding = findings(Says(ran))["self-test"]
    assert finding.status == "error"
    assert finding.code == "SGL508"
    assert detail in finding.detail


def test_a_doubtful_case_is_a_warning_and_strange_lines_do_not_matter() -> None:
    case = {"name": "linear, float32 packed", "status": "warn", "detail": "torch was built without oneDNN"}
    line = {**case, "milliseconds": 1.0, "largest": None, "error": ""}
    stdout = f'a library says hello\n{{"begin": "linear, float32 packed"}}\n{json.dumps(line)}\n[1]\n{{"half'
    found = findings(Says(Ran(status=0, stdout=stdout)))
    assert found["linear"].status == "warn"
    assert found["linear"].remedy
