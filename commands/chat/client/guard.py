"""`Guard`: a server that was started for one chat does not outlive it, even when the chat is killed.

A shell waits for a line from this process. The line is sent when all has ended well. When the pipe closes without it,
this process is gone and could not say so, and the shell becomes ``python -m sgl_cli.chat.client.guard``, which stops
the server. Until then no second Python lies in memory.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from sgl.ipc.python import python_environment
from sgl.runs.registry import servers
from sgl.runs.server import Server
from sgl.runs.stop import patience, stop

log = logging.getLogger(__name__)

_SHELL: Final = ("/bin/sh", "-c", 'read -r word || exec "$@"', "sh")
_MODULE: Final = "sgl_cli.chat.client.guard"


class Guard:
    """Watches over one server until `release`. It is a convenience: where there is no shell, nobody watches."""

    def __init__(self, server: Server, environ: Mapping[str, str]) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        words = [sys.executable, "-m", _MODULE, server.id, str(server.pid), repr(server.started)]
        try:
            self._process = subprocess.Popen(
                [*_SHELL, *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=python_environment(environ),
                start_new_session=True,  # What ends a terminal's programs must not end it.
            )
        except OSError as error:
            log.debug("nobody watches over server %s: %s", server.id, error)

    def release(self) -> None:
        """Ends the watch; the server is left as it is. Harmless when called twice."""
        if self._process is not None:
            with contextlib.suppress(BrokenPipeError):  # Somebody has killed it.
                self._process.communicate(b"\n")
            self._process = None


def main(name: str, pid: str, started: str) -> None:
    """Stops the server that this process was told of, if it is still that one."""
    for server in servers(os.environ):
        if (server.id, str(server.pid), repr(server.started)) == (name, pid, started):
            stop(server, timeout=patience(server))


if __name__ == "__main__":
    main(*sys.argv[1:])
