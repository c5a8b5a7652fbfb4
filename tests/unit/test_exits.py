"""How programs end: exit codes, and what is printed on stderr."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from sgl.errors import ModelNotFound, SglError, StartupError, UsageError
from sgl.exits import INTERRUPTED, run


def raising(error: BaseException) -> Callable[[], int]:
    def program() -> int:
        raise error

    return program


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_program_s_own_code_is_kept(code: int) -> None:
    assert run(lambda: code, {}) == code


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (UsageError("wrong"), 2, "error: wrong\n"),
        (UsageError("wrong", hint="right"), 2, "error: wrong\n  hint: right\n"),
        (ModelNotFound("no model"), 2, "error: no model\n"),
        (StartupError("port in use"), 1, "error: port in use\n"),
        (SglError("a\nb\x1b[31m"), 1, "error: a\\x0ab\\x1b[31m\n"),
        (KeyboardInterrupt(), INTERRUPTED, ""),
        (
            KeyError("k"),
            1,
            "error: KeyError: 'k'\n  hint: this is a bug in sgl; SGL_DEBUG=1 shows where it happened\n",
        ),
        (ValueError(), 1, "error: ValueError\n  hint: this is a bug in sgl; SGL_DEBUG=1 shows where it happened\n"),
    ],
)
def test_errors_are_two_lines_at_most(
    error: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(raising(error), {}) == code
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", text)


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(UsageError("wrong")), {"SGL_DEBUG": "1"}) == 2
    text = capsys.readouterr().err
    assert text.startswith("Traceback")
    assert text.endswith("error: wrong\n")


def test_a_bad_debug_variable_does_not_hide_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(UsageError("wrong")), {"SGL_DEBUG": "perhaps"}) == 2
    assert capsys.readouterr().err == "error: SGL_DEBUG expects 1 or 0, got 'perhaps'\nerror: wrong\n"


def test_a_reader_that_has_gone_is_no_traceback() -> None:
    program = "import sys\nfrom sgl.exits import run\nsys.exit(run(lambda: print('x' * 10**6) or 0))"
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        finished = subprocess.run(
            [sys.executable, "-c", program], stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert (finished.returncode, finished.stderr) == (1, "")


def test_a_closed_stdout_is_no_error() -> None:
    program = "import sys\nfrom sgl.exits import run\nsys.exit(run(lambda: print('x') or 0))"
    command = [sys.executable, "-c", program]
    finished = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=60, preexec_fn=lambda: os.close(1))
    assert (finished.returncode, finished.stderr) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_not_called_a_bug() -> None:
    program = "import sys\nfrom sgl.exits import run\nsys.exit(run(lambda: print('x') or 0))"
    with open("/dev/full", "wb") as stdout:
        finished = subprocess.run(
            [sys.executable, "-c", program], stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert finished.returncode == 1
    assert finished.stderr.splitlines()[0] == "error: cannot write the output: No space left on device"
    assert "bug" not in finished.stderr
