"""``sgl serve`` and ``python -m sgl.launcher`` as whole processes: the tutorial's line, and the end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

SGL: Final = ["-c", "import sys\nfrom sgl_cli.main import main\nsys.exit(main())", "serve"]
LAUNCHER: Final = ["-m", "sgl.launcher"]
START_SECONDS: Final = 90


@contextmanager
def started(words: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in ``folder``, which marks it and all that it starts; its stderr goes to the file of that name."""
    with (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, *words], stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=folder
        )
    try:
        yield process
    finally:
        for number in running_in(folder):
            os.kill(number, signal.SIGKILL)
        process.communicate(timeout=30)


def running_in(folder: Path) -> list[int]:
    """Processes whose working directory is ``folder`` (Linux)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder:
                found.append(int(process.name))
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue  # It has just ended, or is another user's.
    return found


def wait_until_ready(process: subprocess.Popen[str], errors: Path) -> str:
    """Returns the address on the ready card."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        _, found, rest = errors.read_text().partition("sgl is ready at ")
        if found and " " in rest:
            return rest.split()[0]
        time.sleep(0.05)
    pytest.fail(f"not ready; exit code {process.poll()}; stderr:\n{errors.read_text()}")


@pytest.mark.parametrize("program", [SGL, LAUNCHER], ids=["sgl", "launcher"])
def test_the_tutorial_s_line_serves_and_ctrl_c_ends_it(program: list[str], stories260k: Path, tmp_path: Path) -> None:
    folder, errors = tmp_path.resolve(), tmp_path / "stderr"
    words = ["--model", str(stories260k), "--host", "0.0.0.0", "--port", "0", "--tp", "1", "--max-model-len", "512"]
    with started([*program, *words], folder) as process:
        url = wait_until_ready(process, errors)
        assert len(running_in(folder)) >= 2
        body = {"model": "stories260k", "prompt": "Once upon a time", "max_tokens": 8, "temperature": 0}
        request = urllib.request.Request(
            f"{url}/v1/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["usage"]["completion_tokens"] == 8
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""
        assert running_in(folder) == []
    assert "warning: listening on 0.0.0.0 without a key" in errors.read_text()
    assert "Traceback" not in errors.read_text()


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.5])
def test_ctrl_c_while_starting_leaves_nothing_behind(seconds: float, stories260k: Path, tmp_path: Path) -> None:
    folder, errors = tmp_path.resolve(), tmp_path / "stderr"
    with started([*SGL, "-m", str(stories260k), "--port", "0"], folder) as process:
        time.sleep(seconds)
        ready = "sgl is ready" in errors.read_text()
        process.send_signal(signal.SIGINT)
        # Before Python is up, which takes a busy machine a while, it dies of it.
        assert process.wait(timeout=30) in ((0,) if ready else (130, -2))
        assert running_in(folder) == []
    assert "Traceback" not in errors.read_text()


def test_a_port_in_use_is_one_line(stories260k: Path, tmp_path: Path) -> None:
    folder, errors = tmp_path.resolve(), tmp_path / "stderr"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with started([*SGL, "-m", str(stories260k), "--port", str(port)], folder) as process:
            assert process.wait(timeout=60) == 1
    (line,) = errors.read_text().splitlines()
    assert line.startswith(f"error: port {port} is in use by another program")
