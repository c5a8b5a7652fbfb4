"""A server in a process of its own, as a user starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from sgl.config.engine import EngineConfig
from sgl.config.server import ServerConfig
from sgl.runtime.launch import ENGINE_MODULE
from tests.conftest import ROOT
from tests.processes import FAKE_ENGINE, is_alive

READY = "sgl is ready at "
START_SECONDS = 60.0
ENGINES = (ENGINE_MODULE, FAKE_ENGINE)


class ServerProcess:
    """One started server.

    Attributes:
        output: What it wrote to stderr so far.
    """

    def __init__(self, command: Sequence[str], runtime_folder: Path) -> None:
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime_folder), "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
        )
        self.output = ""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Process id of the HTTP process."""
        return self._process.pid

    @property
    def url(self) -> str:
        """Where it listens, from its ready card."""
        card = self.output.partition(READY)[2]
        return card.split()[0]

    def until(self, text: str, seconds: float = START_SECONDS) -> None:
        """Waits until it has written ``text``."""
        with self._changed:
            assert self._changed.wait_for(lambda: text in self.output, seconds), f"no {text!r} in:\n{self.output}"

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the HTTP process alone."""
        self._process.send_signal(number)

    def exit_code(self, seconds: float = 30.0) -> int:
        """Waits for the end."""
        code = self._process.wait(seconds)
        self._reader.join(seconds)
        return code

    def children(self) -> dict[int, str]:
        """Its running child processes: id to command line."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/children")
        pids = {int(pid) for file in tasks for pid in file.read_text().split()}
        return {pid: command_line(pid) for pid in pids if is_alive(pid)}

    def engine(self) -> int:
        """Process id of its engine; waits until there is one."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for pid, command in self.children().items():
                if any(module in command for module in ENGINES):
                    return pid
            time.sleep(0.01)
        raise AssertionError(f"no engine process; children: {self.children()}")

    def close(self) -> None:
        """Ends it if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                with self._changed:
                    self.output += line
                    self._changed.notify_all()


@contextmanager
def starting(command: Sequence[str], runtime_folder: Path) -> Iterator[ServerProcess]:
    """Starts ``python COMMAND`` and makes sure that it ends."""
    server = ServerProcess(command, runtime_folder)
    try:
        yield server
    finally:
        server.close()


def fake_command(tokenizer: Path, behaviour: str = "good", **fields: Any) -> list[str]:
    """A server in front of `tests.fake_engine_process`, on a free port unless ``fields`` names one."""
    settings: dict[str, Any] = {"port": 0, "served_model_name": ("stories260k",), **fields}
    config = ServerConfig(engine=EngineConfig(model_path=behaviour), tokenizer_path=str(tokenizer), **settings)
    return ["-m", "tests.e2e.fake_server", msgspec.json.encode(config).decode()]


def command_line(pid: int) -> str:
    """How a process was started; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def gone(pids: Iterable[int], seconds: float = 5.0) -> bool:
    """Whether all of these processes end within ``seconds``."""
    deadline = time.monotonic() + seconds
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(map(is_alive, pids))


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error answer."""
    return answer.status_code, answer.json()["error"]["code"]
