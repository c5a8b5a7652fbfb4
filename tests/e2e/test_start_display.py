"""What a person sees of a start: a real server in a real terminal (a pty), and the same start in a pipe."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import ROOT
from tests.e2e.server_process import fake_command
from tests.screen import Screen

SECONDS: Final = 60.0
SGL: Final = ["-c", "import sys\nfrom sgl_cli.main import main\nsys.exit(main())"]


def watch(
    words: Sequence[str], until: str, environ: Mapping[str, str] | None = None, columns: int = 80
) -> tuple[str, int]:
    """Runs ``python WORDS`` in a terminal, presses Ctrl-C when it shows ``until``; returns output and exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        full = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "LC_ALL": "C.UTF-8", **(environ or {})}
        os.execve(sys.executable, [sys.executable, *words], full)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    output, deadline, pressed = b"", time.monotonic() + SECONDS, False
    try:
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 0.5)[0]:
                continue
            try:
                more = os.read(terminal, 1 << 16)
            except OSError:  # The other end is closed.
                break
            output += more
            if not pressed and until.encode() in output:
                pressed = True
                time.sleep(0.3)
                os.write(terminal, b"\x03")
    finally:
        if time.monotonic() >= deadline:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
    return output.decode(), os.waitstatus_to_exitcode(status)


def seen(output: str, columns: int = 80) -> str:
    """What is on the screen in the end, without the echo of Ctrl-C."""
    return Screen(columns).feed(output.replace("\r\n", "\n").replace("^C", "")).text()


@pytest.mark.parametrize("columns", [80, 40])
def test_a_terminal_shows_a_checklist_that_gives_way_to_the_card(columns: int, stories260k: Path) -> None:
    words = [*SGL, "serve", "-m", str(stories260k), "--port", "0"]
    output, code = watch(words, "curl ", columns=columns)
    assert code == 0
    for step in ("✓\x1b[0m start the engine", "✓\x1b[0m load weights      1.0 MiB"):
        assert step in output
    screen = seen(output, columns)
    assert screen.lstrip("\n").startswith("sgl is ready at http://127.0.0.1:")
    assert "load weights" not in screen
    assert "[http]" not in output


def test_ctrl_c_leaves_the_checklist_as_it_was(stories260k: Path) -> None:
    output, code = watch(fake_command(stories260k, "takes-for-ever"), "loading weights")
    assert code == 130
    assert "Traceback" not in output
    assert "  ✓ loading weights" in seen(output)


def test_a_failed_start_shows_where_it_failed(stories260k: Path) -> None:
    output, code = watch(fake_command(stories260k, "refuses"), "never")
    assert code == 2
    screen = seen(output)
    assert "  ✓ start the engine" in screen
    assert screen.endswith("error: model.safetensors is truncated\n  hint: download it again")


def test_what_the_engine_writes_does_not_tear_it(stories260k: Path) -> None:
    output, code = watch(fake_command(stories260k, "chatters"), "curl ")
    assert code == 0
    lines = [line for line in seen(output).splitlines() if line]
    assert lines[:20] == [f"a line of the engine, number {number}" for number in range(20)]
    assert lines[20].startswith("sgl is ready at ")


@pytest.mark.parametrize(
    "environ", [{"TERM": "dumb"}, {"NO_COLOR": "1"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_terminals_that_can_do_less(environ: Mapping[str, str], stories260k: Path) -> None:
    output, code = watch(fake_command(stories260k), "curl ", environ)
    assert code == 0
    assert "sgl is ready at" in seen(output)
    if "TERM" in environ:
        assert "\x1b" not in output
        assert "[http] info sgl.server.startup: loading weights: good: done in 0.25 s" in output
    if "NO_COLOR" in environ:
        assert "✓ loading weights   good  0." in output
    if "LC_ALL" in environ:
        assert "[OK]\x1b[0m loading weights   good" in output
        assert output.isascii()


def test_the_starter_of_a_background_server_shows_the_same(stories260k: Path) -> None:
    config = fake_command(stories260k)[-1]
    output, code = watch(["-m", "tests.e2e.fake_starter", config], "never")
    assert code == 0
    screen = seen(output)
    assert "starting stories260k in the background as " in screen
    assert "start the engine" in output
    assert "✓ start the engine" not in screen
    name = screen.partition("sgl stop ")[2].split()[0]
    assert screen.splitlines()[-1].startswith("http://127.0.0.1:")
    subprocess.run([sys.executable, *SGL, "stop", name], cwd=ROOT, check=True, capture_output=True, timeout=60)


def test_a_pipe_gets_lines_and_no_control_characters(stories260k: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, *fake_command(stories260k)], cwd=ROOT, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
    )  # fmt: skip
    assert process.stderr is not None
    text = ""
    while "curl " not in text:
        text += process.stderr.readline()
    process.terminate()
    text += process.communicate(timeout=30)[1]
    assert "\x1b" not in text
    assert "\r" not in text
    assert "[http] info sgl.server.startup: loading weights: good: done in 0.25 s\n" in text
