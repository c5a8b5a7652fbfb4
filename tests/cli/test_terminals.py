"""``sgl`` on every kind of terminal, pipe and nothing: no traceback, no escape codes where nobody can read them."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

LINES: Final = (
    *("--help", "--version", "--version --json", "serve --help", "serve --help-all", "doctor --help", "help models"),
    *("serv", "-m x", "serve --prot 1", "serve -m x --dtype bfloat61", "ps --jsno", "download", "models zzz"),
    *("ps", "ps --json", "models", "models --json", "logs", "stop", "completion fish", "__complete model"),
)
FEW: Final = ("--help", "doctor --help", "serv", "serve --prot 1", "ps --jsno", "ps --json", "completion fish")
ENDS: Final = {0, 1, 2}
PLAIN: Final[dict[str, dict[str, str]]] = {
    "no colour": {"NO_COLOR": "1"},
    "dumb": {"TERM": "dumb"},
    "C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ascii": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
    "latin": {"PYTHONIOENCODING": "latin-1"},
}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A user with one model of a name beyond ASCII, and no servers."""
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / "hub" / "models--wörld--modèle" / "snapshots" / "0123").mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SGL_", "HF_", "XDG_", "LC_"))}
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS"):
        kept.pop(name, None)
    return {
        **kept,
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "HF_HUB_CACHE": str(tmp_path / "hub"),
        "HF_HUB_OFFLINE": "1",
    }


def command(line: str) -> list[str]:
    return [sys.executable, "-m", "sgl_cli", *line.split()]


@pytest.mark.parametrize(
    ("line", "kind"), [*((line, "ascii") for line in LINES), *((line, kind) for line in FEW for kind in PLAIN)]
)
def test_plain_output(line: str, kind: str, environ: Mapping[str, str]) -> None:
    finished = subprocess.run(command(line), capture_output=True, env={**environ, **PLAIN[kind]}, timeout=60)
    assert finished.returncode in ENDS
    both = finished.stdout + finished.stderr
    assert both.strip()
    assert b"Traceback" not in both
    assert b"bug in sgl" not in both
    assert b"\x1b" not in both
    if kind == "ascii":
        assert both.isascii()


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("line", FEW)
def test_closed_streams(line: str, closed: tuple[int, ...], environ: Mapping[str, str]) -> None:
    """``sgl ... >&-``: what is left open says the same as ever, and the exit code is the same."""
    usual = subprocess.run(command(line), capture_output=True, env=environ, timeout=60)
    redirections = " ".join(f"{number}>&-" for number in closed)
    finished = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirections}', "sh", *command(line)], capture_output=True, env=environ, timeout=60
    )
    assert finished.returncode == usual.returncode
    assert finished.stdout == (b"" if 1 in closed else usual.stdout)
    assert finished.stderr == (b"" if 2 in closed else usual.stderr)


@pytest.mark.parametrize("line", LINES)
def test_a_reader_that_has_gone(line: str, environ: Mapping[str, str]) -> None:
    """``sgl ... | head -0``."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        finished = subprocess.run(command(line), stdout=stdout, stderr=subprocess.PIPE, env=environ, timeout=60)
    assert finished.returncode in ENDS
    assert b"Traceback" not in finished.stderr
    assert b"BrokenPipe" not in finished.stderr
    assert b"Exception ignored" not in finished.stderr


def on_a_terminal(line: str, environ: Mapping[str, str]) -> tuple[int, str]:
    """Runs a line in a pseudo-terminal; returns the exit code and all that it showed."""
    process, terminal = pty.fork()
    if process == 0:
        words = command(line)
        os.execve(words[0], words, dict(environ))
    shown = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux reports the end of a terminal so.
            break
        if not piece:
            break
        shown += piece
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status), shown.decode(errors="replace").replace("\r\n", "\n")


@pytest.mark.parametrize("line", ["--help", "serve --help", "doctor --help", "help"])
def test_help_is_coloured_on_a_terminal_and_is_the_same_text(line: str, environ: Mapping[str, str]) -> None:
    plain = subprocess.run(command(line), capture_output=True, text=True, env=environ, timeout=60).stdout
    code, shown = on_a_terminal(line, {**environ, "TERM": "xterm"})
    assert code == 0
    assert "\x1b[1musage:\x1b[0m sgl" in shown
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == plain
    for calm in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert on_a_terminal(line, {**environ, "TERM": "xterm", **calm}) == (0, plain)


def test_colours_can_be_forced_into_a_pipe(environ: Mapping[str, str]) -> None:
    finished = subprocess.run(command("--help"), capture_output=True, env={**environ, "FORCE_COLOR": "1"}, timeout=60)
    assert b"\x1b[1mModels:\x1b[0m" in finished.stdout


def test_ctrl_c_at_any_moment_is_quiet(environ: Mapping[str, str]) -> None:
    """Whatever ``sgl`` is importing or printing when the key is pressed."""
    for milliseconds in range(0, 400, 25):
        process = subprocess.Popen(command("ps --json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ)
        time.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode in (0, 1, 130, -signal.SIGINT)
        # Until our first line runs, Python itself is starting, and says so in its own way.
        assert "commands/" not in errors.decode()
