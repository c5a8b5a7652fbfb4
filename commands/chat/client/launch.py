"""A server of our own for one chat: started with ``sgl serve -d``, stopped at the end unless it is to be kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final

from sgl.errors import echo
from sgl.ipc.python import python_environment
from sgl.runs.registry import servers
from sgl.runs.server import Server
from sgl.runs.stop import patience, stop

from .failures import ChatError
from .find import unknown_server

COMMAND: Final = (sys.executable, "-m", "sgl_cli", "serve")
LEAVE_SECONDS: Final = 30.0
"""How long an interrupted start may take to clean up: ``serve -d`` itself waits for its server."""


class StartFailed(ChatError):
    """``sgl serve -d`` failed; it has said why on standard error itself."""

    def __init__(self, model: str, code: int) -> None:
        super().__init__(f"no server could be started for {echo(model)}", hint="the reason is above")
        self.exit_code = code if code > 0 else 1


@contextmanager
def own_server(
    model: str,
    *,
    keep: bool = False,
    environ: Mapping[str, str] = os.environ,
    command: Sequence[str] = COMMAND,
) -> Iterator[Server]:
    """Starts a server for ``model`` on a free port, shows its start on standard error, and stops it at the end.

    It is stopped, too, when this process is told to end, which only the main thread can arrange: call it there.
    Only the server that was started here is ever stopped.

    Args:
        model: As ``sgl serve -m`` takes it.
        keep: Leave it running.
        environ: Environment variables.
        command: What starts ``sgl serve``; tests put another one here.

    Raises:
        StartFailed: It did not get ready.
    """
    with _ending_by_exception():
        server = _start([*command, "-d", "-m", model, "--port", "0", "--json"], model, environ)
        try:
            yield server
        finally:
            if not keep:
                stop(server, timeout=patience(server), environ=environ)


def _start(command: Sequence[str], model: str, environ: Mapping[str, str]) -> Server:
    # A session of its own: Ctrl-C reaches it once, through us, and not at a moment when nobody would wait for it.
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=python_environment(dict(environ)),
        start_new_session=True,
    )
    try:
        output, _ = child.communicate()
    except BaseException:
        _cancel(child)
        raise
    if child.returncode != 0:
        raise StartFailed(model, child.returncode)
    name = str(json.loads(output)["id"])
    for server in servers(environ):
        if server.id == name:
            return server
    raise unknown_server(name)


def _cancel(child: subprocess.Popen[bytes]) -> None:
    """Tells ``serve -d`` to take its server with it, and waits until it has."""
    child.send_signal(signal.SIGINT)
    try:
        child.communicate(timeout=LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()


@contextmanager
def _ending_by_exception() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP leave through ``finally`` clauses, as Ctrl-C does."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    numbers = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
