"""Ends a running server: asks it, waits while it lets its requests finish, and kills it when it does not."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from sgl.runs.process import ProcessHandle, alive, family, wait_until
from sgl.runs.registry import is_running, servers
from sgl.runs.server import Server

SPARE_SECONDS: Final = 15.0
"""What a server gets beyond its own limit for running requests: to answer, to end its engine, to go."""

KILLED_SECONDS: Final = 5.0
"""How long a killed server and its engine may take to be gone."""

Ending = Literal["stopped", "killed", "gone", "running"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a server.

    Attributes:
        ending: ``stopped`` by itself after being asked, ``killed``, ``gone`` before anything was done, or still
            ``running``.
        seconds: How long that took.
    """

    ending: Ending
    seconds: float


def patience(server: Server) -> float:
    """Seconds to wait for a server that was told to stop, unless somebody says otherwise."""
    return server.drain_seconds + SPARE_SECONDS


def stop(server: Server, *, timeout: float, force: bool = False, environ: Mapping[str, str] = os.environ) -> Outcome:
    """Sends SIGTERM, waits, and sends SIGKILL when the time is over.

    Nothing is sent to a process that does not hold the lock of the server's record.

    Args:
        timeout: Seconds between the two.
        force: SIGKILL at once.
    """
    began = time.monotonic()

    def outcome(ending: Ending) -> Outcome:
        return Outcome(ending, time.monotonic() - began)

    try:
        handle = ProcessHandle(server.pid)
    except ProcessLookupError:
        return outcome("gone")
    with handle:
        # In this order: the server lives now, so it lived when the handle was opened, which therefore is its.
        if not is_running(server, environ):
            return outcome("gone")
        members = family(server.pid)
        if not force:
            handle.send(signal.SIGTERM)
            if handle.wait(timeout):
                return outcome("stopped")
        handle.send(signal.SIGKILL)
        # The engine follows by itself: the kernel ends it with its parent.
        gone = handle.wait(KILLED_SECONDS) and wait_until(lambda: not alive(members), KILLED_SECONDS)
        servers(environ)  # Takes away the record that it could not remove itself.
        return outcome("killed" if gone else "running")
