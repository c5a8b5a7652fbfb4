"""`Start`: a server of our own for one chat, started with ``sgl serve -d``."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Final

from sgl.errors import echo
from sgl.ipc.python import python_environment
from sgl.runs.child_log import last_complaint
from sgl.runs.registry import servers
from sgl.runs.server import Server
from sgl.runs.stop import stop

from .failures import ChatError
from .find import unknown_server
from .progress import Starting

COMMAND: Final = (sys.executable, "-m", "sgl_cli", "serve")
LEAVE_SECONDS: Final = 30.0
"""How long an interrupted start may take to clean up: ``serve -d`` itself waits for its server."""

_LARGEST: Final = 1 << 20
_NAMED: Final = re.compile(r"^starting .* in the background as (\w+)$", re.MULTILINE)
"""What ``serve -d`` says when it has found the model's files and starts the server's process."""

_ERROR: Final = "error: "
_HINT: Final = "  hint: "
_LOG: Final = "  log: "


class StartFailed(ChatError):
    """The server did not get ready.

    Attributes:
        log: File with all that it wrote; empty when it did not get that far.
    """

    def __init__(self, model: str, code: int, said: str) -> None:
        lines = said.splitlines()
        complaint = last_complaint(lines)
        self.log = next((line.removeprefix(_LOG) for line in reversed(lines) if line.startswith(_LOG)), "")
        hints = [line.removeprefix(_HINT) for line in complaint[1:]]
        if not hints and self.log:
            hints = [f"all that it wrote: {self.log}"]
        reason = complaint[0].removeprefix(_ERROR) if complaint else f"no server could be started for {echo(model)}"
        super().__init__(reason, hint="; ".join(hints) or None)
        self.exit_code = code if code > 0 else 1


class Start:
    """A start that is under way. It neither reads nor writes what this process reads and writes.

    Use it as a context manager: when an exception leaves, the start is cancelled.
    """

    def __init__(self, model: str, environ: Mapping[str, str] = os.environ, command: Sequence[str] = COMMAND) -> None:
        """Begins.

        Args:
            model: As ``sgl serve -m`` takes it.
            environ: Environment variables.
            command: What starts ``sgl serve``; tests put another one here.

        Raises:
            StartFailed: No process can be started.
        """
        self._model = model
        self._environ = environ
        self._began = time.time()
        self._ready: Server | None = None
        # Files, which nobody has to empty as a pipe, and which are gone with this process.
        self._files = ExitStack()
        self._printed = self._files.enter_context(_file())
        self._said = self._files.enter_context(_file())
        try:
            # A session of its own: Ctrl-C reaches it once, through us, and not at a moment when nobody would wait.
            self._child = subprocess.Popen(
                [*command, "-d", "-m", model, "--port", "0", "--json"],
                stdin=subprocess.DEVNULL,
                stdout=self._printed,
                stderr=self._said,
                env=python_environment(environ),
                start_new_session=True,
            )
        except OSError as error:
            self._files.close()
            raise StartFailed(model, 1, f"{_ERROR}cannot start a process: {error.strerror}") from error

    @property
    def is_over(self) -> bool:
        """Whether the server is ready, or has failed."""
        return self._child.poll() is not None

    def server(self) -> Server | None:
        """The server as it is now; None until it is known, or when it has gone."""
        name = self._name()
        if not name:
            return None
        return next((each for each in servers(self._environ) if each.id == name and self._is_ours(each)), None)

    def progress(self, server: Server | None) -> Starting:
        """How far it is.

        Args:
            server: What `server` has just said.
        """
        if server is not None:
            return Starting(server.model, server.id, server.phases, server.ready_at)
        name = self._name()
        lines = [] if name else _text(self._said).splitlines()
        return Starting(self._model, name, note=lines[-1].strip() if lines else "")

    def result(self) -> Server:
        """The server, once the start is over.

        Raises:
            StartFailed: It did not get ready; the message is its own.
            UsageError: It has gone already.
        """
        code = self._child.wait()
        if code != 0:
            raise StartFailed(self._model, code, _text(self._said))
        name = str(json.loads(_text(self._printed))["id"])
        for server in servers(self._environ):
            if server.id == name:
                self._ready = server
                return server
        raise unknown_server(name)

    def cancel(self) -> None:
        """Ends it, and waits until nothing of it is left."""
        # Not SIGINT: a program that a shell has put into the background may have been told to ignore that.
        self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        # The signal may have come when the server was ready and no longer the business of `serve -d`.
        server = self._ready or self.server()
        if server is not None:
            stop(server, timeout=LEAVE_SECONDS, environ=self._environ)

    def __enter__(self) -> Start:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None and not isinstance(error, StartFailed):
                self.cancel()
        finally:
            self._files.close()

    def _name(self) -> str:
        """The server's name, which it may not have got if another took it just before; empty until it is said."""
        found = _NAMED.search(_text(self._said))
        return found[1] if found else ""

    def _is_ours(self, server: Server) -> bool:
        """Whether a record of that name is of this start."""
        return server.background and server.started >= self._began and server.model_path == self._model


def _file() -> IO[bytes]:
    return tempfile.TemporaryFile()


def _text(file: IO[bytes]) -> str:
    """What was written so far; the place where the other process goes on writing is left alone."""
    return os.pread(file.fileno(), _LARGEST, 0).decode("utf-8", "replace")
