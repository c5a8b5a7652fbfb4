"""One server process under measurement: started, waited for, and ended with everything it started."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

STOP_SECONDS: Final = 20.0
"""Seconds a server has to leave after SIGTERM."""
LOG_TAIL: Final = 600
"""Characters of a server's log that are shown when it fails."""


class ServerFailed(Exception):
    """A server did not start or died; the message has the end of its log."""


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """A running server; a context manager that ends it.

    Attributes:
        port: Where it listens.
        pid: Its first process.
        ready_seconds: From its start until its health page said 200.
    """

    def __init__(
        self, command: Sequence[str], *, port: int, health: str, env: Mapping[str, str], log: Path, timeout: float
    ) -> None:
        """Starts ``command`` and waits until GET ``health`` answers 200.

        Raises:
            ServerFailed: It died or was not ready after ``timeout`` seconds.
        """
        self.port = port
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        begun = time.perf_counter()
        with log.open("wb") as sink:
            # A session of its own, so that its whole group can be ended.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env={**os.environ, **env},
                start_new_session=True,
            )
        self.pid = self._process.pid
        try:
            self._wait_ready(health, begun + timeout)
        except BaseException:
            self.close()
            raise
        self.ready_seconds = time.perf_counter() - begun

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the server: SIGTERM, and SIGKILL for what is left after `STOP_SECONDS`."""
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def log_tail(self) -> str:
        """The end of what it wrote, on one line."""
        return " | ".join(self._log.read_text("utf-8", "replace")[-LOG_TAIL:].split("\n")).strip()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return

    def _wait_ready(self, health: str, deadline: float) -> None:
        while time.perf_counter() < deadline:
            if self._process.poll() is not None:
                raise ServerFailed(f"exited with {self._process.returncode}: {self.log_tail()}")
            if _is_healthy(self.port, health):
                return
            time.sleep(0.05)
        raise ServerFailed(f"was not ready in time: {self.log_tail()}")


def _is_healthy(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
