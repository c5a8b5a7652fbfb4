"""The engine process: ``python -m sgl.scheduler.process``, started by `sgl.runtime.launch`.

It reads one line from standard input (`sgl.ipc.bootstrap`), connects to its parent's sockets, builds the
scheduler while telling how far it is, says `Ready`, and runs until `Stop`. It lives no longer than its
parent. What goes wrong before `Ready` is told in one `StartupFailed`; ``SGL_DEBUG=1`` adds the traceback.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from sgl.config.engine import EngineConfig
from sgl.env import DEBUG
from sgl.errors import SglError, StartupError
from sgl.ipc.bootstrap import read_bootstrap
from sgl.ipc.sockets import EngineEnd
from sgl.log import configure, escape
from sgl.protocol.messages import EngineInfo, Phase, Ready, StartupFailed
from sgl.scheduler import lifeline
from sgl.scheduler.io import Io

log = logging.getLogger(__name__)

CRASHED: Final = 70
"""Exit code of an engine that met a bug after it was ready (EX_SOFTWARE of sysexits.h)."""

Report = Callable[[Phase], None]
"""Tells start-up progress."""


class RunnableScheduler(Protocol):
    """What is built: it knows itself, and runs until it receives `Stop`."""

    @property
    def info(self) -> EngineInfo:
        """What the engine turned out to be."""

    def run(self) -> None:
        """Serves requests; returns after `Stop`."""


BuildScheduler = Callable[[EngineConfig, Io, Report], RunnableScheduler]


def serve(load_builder: Callable[[], BuildScheduler]) -> int:
    """Is the engine process, from the first line to the exit code.

    Args:
        load_builder: Imports and returns what builds the scheduler; called when the parent is known and
            connected, so that the seconds of a heavy import already count as progress.
    """
    lifeline.harden()
    stdin = lifeline.take_stdin()
    try:
        debug = DEBUG.read(os.environ)
        bootstrap = read_bootstrap(stdin)
    except SglError as error:
        print(f"error: {escape(error.message)}", file=sys.stderr)
        return error.exit_code
    if not lifeline.die_with_parent(bootstrap.parent_pid):
        return lifeline.ORPHANED
    lifeline.watch(stdin)
    configure("engine", bootstrap.config.log_level)
    line = EngineEnd(Path(bootstrap.directory), bootstrap.epoch)
    try:
        return _build_and_run(load_builder, bootstrap.config, line, debug)
    finally:
        line.close()


def _build_and_run(
    load_builder: Callable[[], BuildScheduler], config: EngineConfig, line: EngineEnd, debug: bool
) -> int:
    try:
        scheduler = load_builder()(config, line, line.send)
    except Exception as error:
        failure = _startup_failure(error)
        if debug:
            log.exception("the engine could not start")
        line.send(failure)
        return failure.exit_code
    line.send(Ready(scheduler.info))
    try:
        scheduler.run()
    except Exception:
        log.exception("the engine stops because of an error")
        return CRASHED
    return 0


def _startup_failure(error: Exception) -> StartupFailed:
    """One line for the user."""
    if isinstance(error, SglError):
        return StartupFailed(error.message, error.exit_code, error.hint)
    if isinstance(error, MemoryError):
        return StartupFailed(
            "out of memory while starting the engine",
            StartupError.exit_code,
            "lower --max-total-tokens or --mem-fraction-static, or choose a smaller model",
        )
    lines = str(error).splitlines()
    what = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return StartupFailed(
        f"the engine could not start: {what}",
        StartupError.exit_code,
        "this is a bug in sgl; SGL_DEBUG=1 shows where it happened",
    )


def _load_builder() -> BuildScheduler:
    # Lazy: torch takes seconds to import, and the parent must hear from this process before.
    from sgl.scheduler.build import build_scheduler

    return build_scheduler


if __name__ == "__main__":
    sys.exit(serve(_load_builder))
