"""`run_startup`: starts ``sgl serve`` again and again, and says where the time goes until its first token.

Every server is one of our own, started in the background and stopped by its id. The first start is cold when the
system let go of the weights before it; Python and torch stay in the system's cache either way.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sgl._version import __version__
from sgl.errors import StartupError, UsageError
from sgl.runs.process import family, resident_bytes
from sgl.runs.redact import redact
from sgl.runs.server import Server
from sgl.runs.stop import patience, stop

from ...chat.client.launch import COMMAND, Start
from .first_token import seconds_to_first_token
from .page_cache import drop, weight_files
from .settings import Settings
from .startup_result import Cache, Phase, StartupResult, StartupRun

LOOK_SECONDS: Final = 0.02
"""How often a start is looked at."""
COMMAND_PHASE: Final = "command"
_COMMAND_TITLE: Final = "run the command"
_LISTEN_PHASE: Final = "listen"
_LISTEN_TITLE: Final = "take requests"


@dataclass(frozen=True)
class StartupOptions:
    """What to start.

    Attributes:
        settings: The model, and where its files are.
        words: Further flags of ``sgl serve``.
        starts: How many.
        cold: Whether the system is asked to let go of the weights before the first start.
    """

    settings: Settings
    words: tuple[str, ...] = ()
    starts: int = 3
    cold: bool = True


def run_startup(
    options: StartupOptions,
    show: Callable[[str], None] = lambda text: None,
    environ: Mapping[str, str] = os.environ,
) -> StartupResult:
    """Starts and stops servers, one after the other. Ctrl-C ends it; no server stays.

    Raises:
        UsageError: Less than one start.
        StartFailed: A server did not get ready; the message is its own.
        EngineFailure: A server did not answer.
        StartupError: A server could not be stopped.
        KeyboardInterrupt: Before one start was measured.
    """
    if options.starts < 1:
        raise UsageError(f"--starts takes a number from 1 on, not {options.starts}")
    started = time.time()
    runs: list[StartupRun] = []
    partial = False
    try:
        for number in range(options.starts):
            cache = _cache(options, number)
            runs.append(_start(options, cache, f"start {number + 1} of {options.starts}", show, environ))
    except KeyboardInterrupt:
        if not runs:
            raise
        partial = True
    return StartupResult(
        model=options.settings.model,
        words=redact(options.words),
        started=started,
        runs=tuple(runs),
        partial=partial,
        version=__version__,
    )


def _cache(options: StartupOptions, number: int) -> Cache:
    if number:
        return "warm"
    return "cold" if options.cold and drop(weight_files(options.settings.folder)) else "unknown"


def _start(
    options: StartupOptions, cache: Cache, title: str, show: Callable[[str], None], environ: Mapping[str, str]
) -> StartupRun:
    began = time.time()
    with Start(options.settings.model, environ, (*COMMAND, *options.words)) as start:
        while not start.is_over:
            server = start.server()
            show(f"{title}, {time.time() - began:.1f} s{_step(server)}")
            time.sleep(LOOK_SECONDS)
        server = start.result()
        first, following = (seconds_to_first_token(server, environ) for _ in range(2))
        memory = resident_bytes(family(server.pid))
    _stop(server, environ)
    ready = max(0.0, (server.ready or time.time()) - began)
    return StartupRun(cache, _phases(server, began, ready), ready, first, following, memory)


def _step(server: Server | None) -> str:
    running = [phase for phase in server.phases if phase.seconds is None] if server is not None else []
    return f": {running[-1].title}" if running else ""


def _phases(server: Server, began: float, ready: float) -> tuple[Phase, ...]:
    """The steps that the server reported, with what lies before the first and after the last one."""
    known = [Phase(one.name, one.title, one.detail, one.seconds) for one in server.phases if one.seconds is not None]
    before = min([phase.began for phase in server.phases], default=server.started) - began
    after = ready - before - sum(phase.seconds for phase in known)
    ends = (
        Phase(COMMAND_PHASE, _COMMAND_TITLE, "", max(0.0, before)),
        Phase(_LISTEN_PHASE, _LISTEN_TITLE, "", max(0.0, after)),
    )
    return (ends[0], *known, ends[1])


def _stop(server: Server, environ: Mapping[str, str]) -> None:
    outcome = stop(server, timeout=patience(server), environ=environ)
    if outcome.ending == "running":
        raise StartupError(f"the server {server.id} (process {server.pid}) could not be stopped")
