"""Servers in the background: ``serve -d``, ``ps``, ``logs``, ``stop``, and every way a start can end early."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from sgl.runs.process import family
from sgl.runs.registry import servers
from sgl.runs.server import Server
from tests.conftest import ROOT
from tests.e2e.server_process import fake_command, gone

SGL: Final = ["-c", "import sys\nfrom sgl_cli.main import main\nsys.exit(main())"]
SECONDS: Final = 90.0


class Home:
    """A runtime and a state folder of its own, and the processes that were started with them."""

    def __init__(self, folder: Path) -> None:
        self.runtime, self.state = folder / "run", folder / "state"
        for path in (self.runtime, self.state):
            path.mkdir(mode=0o700)
        self.environ = {
            **os.environ,
            "XDG_RUNTIME_DIR": str(self.runtime),
            "XDG_STATE_HOME": str(self.state),
            "PYTHONPATH": str(ROOT),
        }

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Starts ``python WORDS``."""
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs ``python WORDS`` to its end."""
        process = self.begin(*words)
        out, err = process.communicate(timeout=SECONDS)
        assert "Traceback" not in err
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def sgl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs ``sgl WORDS`` to its end."""
        return self.run(*SGL, *words)

    def servers(self) -> list[Server]:
        """Those that run."""
        return servers(self.environ)

    def until_listed(self, process: subprocess.Popen[str], phase: str = "") -> Server:
        """Waits for the one server to be listed, and to have reached a step of its start."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            for server in self.servers():
                if not phase or phase in {record.name for record in server.phases}:
                    return server
            time.sleep(0.02)
        raise AssertionError(f"no server with {phase!r}; {process.communicate()}")

    def remove_sockets(self) -> None:
        """Removes the sockets of servers that were killed: no server that starts within a minute does it."""
        for folder in self.runtime.glob("sgl-*-*"):
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()

    def logs(self) -> list[Path]:
        """Log files."""
        return sorted((self.state / "sgl" / "logs").glob("*.log"))


@pytest.fixture
def home() -> Iterator[Home]:
    """Nothing that was started in it may live on or leave a file beside its log."""
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        home = Home(Path(folder))
        yield home
        left = [server.pid for server in home.servers()]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left
        assert list(home.runtime.iterdir()) == []


def test_from_start_to_stop(home: Home, stories260k: Path) -> None:
    started = home.sgl("serve", "-d", "-m", str(stories260k), "--port", "0", "--served-model-name", "stories")
    assert started.returncode == 0, started.stderr
    url = started.stdout.strip()
    assert url.startswith("http://127.0.0.1:")
    (server,) = home.servers()
    name = server.id
    assert f"starting stories in the background as {name}\n" in started.stderr
    for step in ("start the engine", "read the model", "load weights", "KV pool", "warm up"):
        assert f"{step}: " in started.stderr
    assert f"sgl is ready at {url} after " in started.stderr
    assert "curl " in started.stderr
    assert f"  sgl logs -f {name}\n  sgl stop {name}\n" in started.stderr

    (listed,) = json.loads(home.sgl("ps", "--json").stdout)
    assert (listed["id"], listed["url"], listed["state"]) == (name, url, "ready")
    assert listed["models"] == ["stories"]
    assert listed["argv"] == ["-m", str(stories260k), "--port", "0", "--served-model-name", "stories"]
    assert listed["memory_bytes"] > 50e6
    assert (listed["requests_running"], listed["requests_queued"]) == (0, 0)
    assert home.sgl("ps", "-q").stdout == f"{name}\n"
    heading, row = home.sgl("ps").stdout.splitlines()
    assert heading.split() == ["ID", "MODEL", "URL", "STATE", "UP", "MEMORY", "REQUESTS", "LOG"]
    assert row.split()[:4] == [name, "stories", url, "ready"]

    body = json.dumps({"model": "stories", "prompt": "Once", "max_tokens": 4}).encode()
    request = urllib.request.Request(f"{url}/v1/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.load(answer)["usage"]["completion_tokens"] == 4

    (log,) = home.logs()
    assert str(log) == listed["log"]
    assert log.name.startswith(f"{name}-")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "sgl is ready at" in home.sgl("logs").stdout
    assert home.sgl("logs", name, "-n", "1").stdout == "\n"
    following = home.begin(*SGL, "logs", "-f", str(server.port), "-n", "3")
    members = family(server.pid)
    assert len(members) > 1
    stopped = home.sgl("stop", "stories")
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert stopped.stdout.startswith(f"{name} (stories) has stopped after ")
    assert following.communicate(timeout=30)[0] == f"  sgl logs -f {name}\n  sgl stop {name}\n\n"
    assert following.returncode == 0
    assert gone(members)

    assert home.sgl("ps").stdout == ""
    ended = home.sgl("logs", name)
    assert "sgl is ready at" in ended.stdout
    assert ended.stderr == f"{name} has ended; this is its log, {log}\n"
    again = home.sgl("stop", name)
    assert again.returncode == 2
    assert "none is running" in again.stderr


def test_the_started_server_as_a_document(home: Home) -> None:
    started = home.sgl("serve", "-d", "--port", "0", "--json")
    assert started.returncode == 0, started.stderr
    assert json.loads(started.stdout)["state"] == "ready"
    assert home.sgl("stop", "--all", "--force").stdout.endswith(" was killed\n")
    home.remove_sockets()


def test_keys_are_neither_recorded_nor_logged(home: Home) -> None:
    assert home.sgl("serve", "-d", "--port", "0", "--api-key", "s3cret").returncode == 0
    for file in [*(home.runtime / "sgl").iterdir(), *home.logs()]:
        assert b"s3cret" not in file.read_bytes()
    (listed,) = json.loads(home.sgl("ps", "--json").stdout)
    assert listed["has_key"]
    assert listed["requests_running"] is None
    home.environ["SGL_API_KEY"] = "s3cret"
    (listed,) = json.loads(home.sgl("ps", "--json").stdout)
    assert listed["requests_running"] == 0
    assert home.sgl("stop").returncode == 0


# -- starts that fail ------------------------------------------------------------------------------


def test_a_model_that_is_not_there(home: Home, tmp_path: Path) -> None:
    failed = home.sgl("serve", "-d", "-m", str(tmp_path))
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith(f"error: {tmp_path} has no config.json")
    assert home.logs() == []


def test_a_port_in_use(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        failed = home.sgl("serve", "-d", "--port", str(port))
    assert (failed.returncode, failed.stdout) == (1, "")
    assert f"\nerror: port {port} is in use by another program" in failed.stderr
    assert failed.stderr.endswith(f"  log: {home.logs()[0]}\n")


def test_the_engine_refuses_the_model(home: Home, stories260k: Path) -> None:
    failed = home.run("-m", "tests.e2e.fake_starter", fake_command(stories260k, "refuses")[-1])
    assert failed.returncode == 2
    assert "error: model.safetensors is truncated\n  hint: download it again\n" in failed.stderr


def test_a_registry_that_cannot_be_trusted(home: Home) -> None:
    folder = home.runtime / "sgl"
    folder.mkdir()
    folder.chmod(0o777)
    failed = home.sgl("serve", "-d", "--port", "0")
    assert failed.returncode == 1
    assert "is open to other users" in failed.stderr
    folder.rmdir()


# -- the starter is told to stop, or is killed -----------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("phase", ["", "engine", "loading weights"])
def test_an_interrupted_start_leaves_nothing(
    phase: str, number: signal.Signals, code: int, home: Home, stories260k: Path
) -> None:
    starter = home.begin("-m", "tests.e2e.fake_starter", fake_command(stories260k, "takes-for-ever")[-1])
    server = home.until_listed(starter, phase)
    members = family(server.pid)
    starter.send_signal(number)
    _, errors = starter.communicate(timeout=30)
    assert starter.returncode == code
    assert "Traceback" not in errors
    assert gone(members)
    assert home.logs() == []


@pytest.mark.parametrize("seconds", [0.2, 0.4, 0.8, 1.5])
def test_ctrl_c_at_any_time(seconds: float, home: Home) -> None:
    starter = home.begin(*SGL, "serve", "-d", "--port", "0")
    time.sleep(seconds)
    starter.send_signal(signal.SIGINT)
    _, errors = starter.communicate(timeout=30)
    if starter.returncode == 0:  # It was ready already.
        assert home.sgl("stop").returncode == 0
    else:
        assert starter.returncode in (130, -signal.SIGINT)  # The latter before Python itself has started.
        assert home.servers() == []
    assert "Traceback" not in errors or starter.returncode == -signal.SIGINT


def test_a_killed_starter_leaves_a_server_that_can_be_found(home: Home) -> None:
    starter = home.begin(*SGL, "serve", "-d", "--port", "0")
    server = home.until_listed(starter)
    starter.kill()
    starter.communicate()
    deadline = time.monotonic() + SECONDS
    while home.servers()[0].state != "ready":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    members = family(server.pid)
    assert home.sgl("stop", server.id).returncode == 0
    assert gone(members)


def test_sigterm_and_sigkill_to_a_background_server(home: Home) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        assert home.sgl("serve", "-d", "--port", "0").returncode == 0
        (server,) = home.servers()
        members = family(server.pid)
        os.kill(server.pid, number)
        assert gone(members)
        assert home.sgl("ps", "-q").stdout == ""
    home.remove_sockets()


# -- servers in the foreground ---------------------------------------------------------------------


def test_a_foreground_server_is_listed_too(home: Home, stories260k: Path) -> None:
    process = home.begin(*fake_command(stories260k))
    deadline = time.monotonic() + SECONDS
    while not [server for server in home.servers() if server.state == "ready"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (server,) = home.servers()
    assert (server.pid, server.background, server.log) == (process.pid, False, None)
    shown = home.sgl("logs")
    assert shown.returncode == 2
    assert "runs in the foreground: its log is in the terminal" in shown.stderr
    assert home.sgl("stop", "stories2").returncode == 0
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_a_port_that_one_of_ours_has_is_said_so(home: Home) -> None:
    assert home.sgl("serve", "-d", "--port", "0").returncode == 0
    (server,) = home.servers()
    for words in (["serve"], ["serve", "-d"]):
        failed = home.sgl(*words, "--port", str(server.port))
        assert failed.returncode == 1
        assert f"error: port {server.port} is in use by your server {server.id} (builtin); --port " in failed.stderr
        assert f"  hint: sgl stop {server.id} ends it\n" in failed.stderr
    assert home.sgl("stop").returncode == 0
