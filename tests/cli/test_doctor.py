"""``sgl doctor`` as people call it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from sgl.doctor.live import LiveMachine
from sgl.doctor.recorded import RecordedMachine
from sgl_cli import doctor
from sgl_cli.main import main
from tests.doctor.catalogue import CASES

PROGRAM: Final = [sys.executable, "-m", "sgl_cli", "doctor"]


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a recorded machine in the place of this one."""

    def put(name: str) -> None:
        machine = RecordedMachine(CASES[name]().recording)
        monkeypatch.setattr(doctor, "LiveMachine", lambda: _Context(machine))

    return put


class _Context:
    def __init__(self, machine: RecordedMachine) -> None:
        self._machine = machine

    def __enter__(self) -> RecordedMachine:
        return self._machine

    def __exit__(self, *error: object) -> None:
        pass


ONLY: Final = ["--only", "python,gpu,cpu,system"]


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [
        ("laptop", [], 0),
        ("mig", [], 0),
        ("mig", ["--strict"], 3),
        ("full_disk", [], 3),
        ("full_disk", ["--only", "gpu"], 0),
        ("port_taken", [], 0),
        ("port_taken", ["--port", "30000"], 3),
        ("port_taken", ["--port", "40k"], 0),
        ("h100", ["--tp", "2"], 3),
    ],
)
def test_exit_codes(
    name: str, words: list[str], code: int, on: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    on(name)
    assert main(["doctor", *([] if "--only" in words else ONLY), *words]) == code
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1]
    assert captured.err == ""


def test_json_is_one_document(on: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
    on("old_driver")
    assert main(["doctor", "--json", *ONLY]) == 3
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "error"
    (build,) = [finding for finding in document["findings"] if finding["code"] == "SGL106"]
    assert build["data"] == {"cuda": "13.0", "driver_cuda": "12.4"}


def test_report_is_markdown(on: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
    on("secrets")
    assert main(["doctor", "--report", *ONLY]) == 0
    page = capsys.readouterr().out
    assert page.startswith("## sgl doctor\n")
    assert "correct-horse" not in page


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--explain", "SGL204"]) == 0
    assert capsys.readouterr().out.startswith("SGL204: throttling\n")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--only", "gpus"], "error: --only: there is no group 'gpus'\n  hint: did you mean gpu?\n"),
        (["--tp", "two"], "error: --tp expects an integer from 1 to 1024, got 'two'\n"),
        (["--port", "70000"], "error: --port expects an integer from 1 to 65535, got '70000'\n"),
        (["--explain", "SGL2044"], "error: unknown code 'SGL2044'\n  hint: did you mean SGL204?\n"),
    ],
)
def test_wrong_usage(words: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *words]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", error)


def test_the_real_machine_has_an_answer_without_torch(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--quick", "--json"]) in (0, 3)
    document = json.loads(capsys.readouterr().out)
    assert {finding["group"] for finding in document["findings"]} == {"python", "gpu", "cpu", "system"}


def test_a_quick_answer_takes_a_moment() -> None:
    command = [*PROGRAM, "--quick"]
    subprocess.run(command, check=False, capture_output=True, timeout=60)
    start = time.monotonic()
    subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert time.monotonic() - start < 5  # 0.5 s when nothing else runs.


def test_torch_is_never_in_our_own_process() -> None:
    program = (
        "import sys\nfrom sgl_cli.main import main\nmain(['doctor', '--only', 'python'])\nprint('torch' in sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert finished.stdout.splitlines()[-1] == "False"
    assert "torch" in finished.stdout


def test_the_child_that_imports_torch_answers() -> None:
    with LiveMachine() as machine:
        ran = machine.run(["{python}", "-m", "sgl.doctor.torch_probe"], 120)
    answer = json.loads(ran.stdout.splitlines()[-1])
    assert answer["torch"]["error"] == ""
    assert answer["torch"]["version"]


def children_of(group: int) -> list[int]:
    """Processes whose parent is, or was, in this session: found by their environment."""
    mark = f"SGL_TEST_MARK={group}".encode()
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            try:
                if mark in Path(f"/proc/{name}/environ").read_bytes():
                    found.append(int(name))
            except OSError:
                continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("delay", [0.0, 0.4, 0.9, 1.5])
def test_ctrl_c_leaves_no_traceback_and_no_child(delay: float) -> None:
    mark = f"{os.getpid()}-{delay}"
    environ = {**os.environ, "SGL_TEST_MARK": mark}
    process = subprocess.Popen(PROGRAM, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert process.returncode in (0, 3, 130, -2)  # Before Python is up, it dies of it.
    if process.returncode == 130:
        assert (out, error) == ("", "")
    deadline = time.monotonic() + 10
    while children_of(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert children_of(mark) == []


def test_a_terminal_sees_what_is_waited_for_and_then_the_report() -> None:
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LANG": "C.UTF-8"}
    command = [*PROGRAM, "--only", "python"]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environ)
    os.close(theirs)
    data = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # The other end is closed.
            break
        if not piece:
            break
        data += piece
    os.close(ours)
    assert process.wait(60) in (0, 3)
    text = data.decode()
    assert "checking torch" in text
    assert text.index("checking torch") < text.index("\r\x1b[K", text.index("checking torch")) < text.index("Python")
