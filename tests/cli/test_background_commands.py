"""``sgl ps``, ``sgl stop`` and ``sgl logs`` with processes that are registered as servers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from sgl.runs.logs import create_log
from sgl_cli.main import main
from tests.conftest import ROOT
from tests.registered_process import registered

SGL: Final = [sys.executable, "-c", "import sys\nfrom sgl_cli.main import main\nsys.exit(main())"]


@pytest.fixture(autouse=True)
def _records_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.setenv("XDG_STATE_HOME", f"{folder}/state")
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        yield


@pytest.fixture
def log() -> Path:
    """The log of a server called mila."""
    descriptor, path = create_log("mila", os.environ)
    os.write(descriptor, b"".join(b"line %d\n" % number for number in range(2000)))
    os.close(descriptor)
    return path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of ``sgl WORDS``."""
    code = main(list(words))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_no_server(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = "no server is running; sgl serve -d -m MODEL starts one\n"
    assert run(capsys, "ps") == (0, "", nothing)
    assert run(capsys, "ps", "-q") == (0, "", "")
    assert run(capsys, "ps", "--json") == (0, "[]\n", "")
    error = "error: no server is running\n  hint: sgl serve -d -m MODEL starts one\n"
    assert run(capsys, "stop") == (2, "", error)
    assert run(capsys, "logs") == (2, "", error)
    assert run(capsys, "stop", "--all") == (0, "", "no server is running\n")


def test_two_servers(capsys: pytest.CaptureFixture[str]) -> None:
    with registered(id="mila", models=["a/small"], started=1.0), registered(id="nora", models=["b/big"], started=2.0):
        code, out, err = run(capsys, "ps")
        assert (code, err) == (0, "")
        assert [line.split()[:2] for line in out.splitlines()] == [
            ["ID", "MODEL"],
            ["mila", "a/small"],
            ["nora", "b/big"],
        ]
        assert run(capsys, "ps", "-q") == (0, "mila\nnora\n", "")
        assert [server["id"] for server in json.loads(run(capsys, "ps", "--json")[1])] == ["mila", "nora"]
        code, out, err = run(capsys, "stop")
        assert (code, out) == (2, "")
        assert err == (
            "error: 2 servers are running; name one: sgl stop mila\n  hint: running: mila (a/small), nora (b/big)\n"
        )
        assert run(capsys, "stop", "nroa")[2].endswith("hint: did you mean nora?\n")
        assert run(capsys, "stop", "--all", "mila")[0] == 2
        code, out, err = run(capsys, "stop", "big", "nora")
        assert (code, err) == (0, "")
        assert out.startswith("nora (b/big) has stopped after ")
        assert out.count("\n") == 1
        assert run(capsys, "ps", "-q")[1] == "mila\n"
        assert run(capsys, "stop", "--all", "--force") == (0, "mila (a/small) was killed\n", "")


def test_one_that_does_not_stop(capsys: pytest.CaptureFixture[str]) -> None:
    with registered("deaf", id="mila"):
        assert run(capsys, "stop", "--timeout", "0.2") == (
            0,
            "mila (stories) was killed: it had not stopped after 0.2 s\n",
            "",
        )


def test_one_that_cannot_even_be_killed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sgl.runs.process.ProcessHandle.wait", lambda self, seconds: False)
    with registered(id="mila") as (process, _):
        code, out, _ = run(capsys, "stop", "--force")
        assert (code, out) == (
            1,
            f"mila (stories) still runs (process {process.pid}): the system has not ended it yet\n",
        )


def test_logs(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    with registered(id="mila", background=True, log=str(log)), registered(id="nora"):
        assert len(run(capsys, "logs")[1].splitlines()) == 2000  # The only one that has a log.
        assert run(capsys, "logs", "mila", "-n", "2") == (0, "line 1998\nline 1999\n", "")
        assert len(run(capsys, "logs", "mila", "-n", "1k")[1].splitlines()) == 1000
        assert run(capsys, "logs", "-n", "many")[2] == "error: --lines expects a number of lines, got 'many'\n"
        assert run(capsys, "logs", "-n", "-1")[0] == 2
        code, out, err = run(capsys, "logs", "nora")
        assert (code, out) == (2, "")
        assert err.startswith("error: nora (stories) runs in the foreground: its log is in the terminal")
    assert run(capsys, "logs", "-n", "1") == (0, "line 1999\n", f"mila has ended; this is its log, {log}\n")
    assert run(capsys, "logs", "-f", "mila", "-n", "1")[1] == "line 1999\n"


def test_a_log_that_is_gone(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    log.unlink()
    with registered(id="mila", background=True, log=str(log)):
        assert run(capsys, "logs") == (1, "", f"error: cannot read the log {log}: No such file or directory\n")


def test_following_ends_with_ctrl_c_and_says_nothing(log: Path) -> None:
    with registered(id="mila", background=True, log=str(log)):
        process = subprocess.Popen(
            [*SGL, "logs", "-f", "-n", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "line 1999\n"
        with log.open("a") as file:
            file.write("more\n")
        assert process.stdout.readline() == "more\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=10) == ("", "")
        assert process.returncode == 130


def test_a_reader_who_leaves_early(log: Path) -> None:
    with registered(id="mila", background=True, log=str(log)):
        process = subprocess.Popen([*SGL, "logs", "-f"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        with log.open("a") as file:
            while process.poll() is None:
                file.write("more\n" * 1000)
                file.flush()
                time.sleep(0.05)
        assert process.stderr.read() == b""
        process.stderr.close()


def test_a_registry_that_cannot_be_trusted(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(os.environ["XDG_RUNTIME_DIR"]) / "sgl"
    folder.mkdir()
    folder.chmod(0o775)
    for command in ("ps", "stop", "logs"):
        code, out, err = run(capsys, command)
        assert (code, out) == (1, "")
        assert err == (
            f"error: {folder} is open to other users (mode 0775), who could put anything there\n"
            f"  hint: look at what is in it, then: chmod 700 {folder}\n"
        )
