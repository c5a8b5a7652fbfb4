"""``sgl serve -d``: starts a server in the background and shows its start until it takes requests.

The server is a process in a session of its own that enters itself into the registry. So whatever happens to this
one, there is no server that nobody knows: killed, it leaves a server that goes on to start and can be found and
stopped; interrupted, it takes the server with it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sgl.config.flags import BY_SPELLING
from sgl.errors import StartupError
from sgl.ipc.python import python_environment
from sgl.log import escape
from sgl.runs.background import Background
from sgl.runs.checklist import Checklist
from sgl.runs.child_log import card, complaint, warnings
from sgl.runs.folder import PrivateFolder
from sgl.runs.interrupts import Interrupts
from sgl.runs.logs import create_log
from sgl.runs.places import registry_path
from sgl.runs.plain import PlainLines
from sgl.runs.process import alive, family, wait_until
from sgl.runs.registry import new_id, servers
from sgl.runs.server import Server
from sgl.terminal import Terminal

if TYPE_CHECKING:
    from sgl.config.server import ServerConfig

MODULE: Final = "sgl.launcher"
_DEALT_WITH: Final = ("--detach", "--json")
LOOK_SECONDS: Final = 0.1
"""How often the server that starts is looked at."""

LEAVE_SECONDS: Final = 10.0
"""How long an interrupted start may take to clean up after itself; then it is killed."""


def start(
    words: Sequence[str],
    config: ServerConfig,
    environ: Mapping[str, str],
    *,
    as_json: bool = False,
    module: str = MODULE,
) -> int:
    """Starts a server in the background, and returns when it is ready or has failed.

    Prints its address on standard output, or with ``as_json`` its record; all else on standard error.

    Args:
        words: As typed after ``sgl serve``; the flag that asks for the background may be among them.
        config: What the words mean: they have been understood already.
        module: What ``python -m`` runs; tests put another one here.

    Returns:
        0 when it is ready, its own exit code when it has failed, 130 or 143 when this process was told to stop.

    Raises:
        StartupError: There is no place for its record or its log that is this user's alone.
    """
    PrivateFolder.open(registry_path(environ), create=True).close()
    taken = {server.id for server in servers(environ)}
    name = next(name for name in iter(new_id, None) if name not in taken)
    model = config.served_model_name[0] if config.served_model_name else config.engine.model_path
    with Interrupts() as interrupts:
        child, log = _spawn([sys.executable, "-m", module, *words_of_child(words)], name, environ)
        print(f"starting {escape(model)} in the background as {name}", file=sys.stderr)
        server = _follow(child, interrupts, environ)
        if interrupts.first is not None:
            return _cancel(child, interrupts, log, environ)
    if server is None:
        return _report_failure(child.returncode, log, environ)
    child.returncode = 0  # It is not this process's child any more: nobody here waits for its end.
    _report_success(server, log, as_json)
    return 0


def words_of_child(words: Sequence[str]) -> list[str]:
    """``words`` without the flags that this process has dealt with; what comes after ``--`` is left alone."""
    end = words.index("--") if "--" in words else len(words)
    spellings = [spelling for name in _DEALT_WITH for spelling in BY_SPELLING[name].spellings]
    return [word for word in words[:end] if word.partition("=")[0] not in spellings] + list(words[end:])


def environ_of_child(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without the variables that stand for those flags, and with our ``sgl`` importable."""
    variables = [BY_SPELLING[name].variable for name in _DEALT_WITH]
    return python_environment({name: environ[name] for name in environ if name not in variables})


def _spawn(command: list[str], name: str, environ: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], Path]:
    """Starts the server's process, its output going to a log of its own."""
    descriptor, log = create_log(name, environ)
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            env={**environ_of_child(environ), **Background(name, str(log)).to_environ()},
            start_new_session=True,
        )
    except OSError as error:
        log.unlink(missing_ok=True)
        raise StartupError(f"cannot start a process: {error.strerror}") from error
    finally:
        os.close(descriptor)
    return child, log


def _follow(child: subprocess.Popen[bytes], interrupts: Interrupts, environ: Mapping[str, str]) -> Server | None:
    """Shows the start until it is over. Returns the server once it is ready; None when it ended, or we are told to."""
    terminal = Terminal(sys.stderr)
    checklist = Checklist(sys.stderr, terminal) if terminal.interactive else None
    plain = PlainLines(lambda line: print(line, file=sys.stderr, flush=True))
    while child.poll() is None and interrupts.first is None:
        for server in servers(environ):
            if server.pid != child.pid:
                continue
            if checklist is None:
                plain.show(server.phases)
            else:
                checklist.show(server.phases, server.ready_at)
            if server.state == "ready":
                if checklist is not None:
                    checklist.erase()
                return server
        interrupts.sleep(LOOK_SECONDS)
    if checklist is not None:
        checklist.fail()
    return None


def _cancel(child: subprocess.Popen[bytes], interrupts: Interrupts, log: Path, environ: Mapping[str, str]) -> int:
    """Ends a start that is under way, and leaves nothing of it."""
    members = family(child.pid)
    child.terminate()
    deadline = time.monotonic() + LEAVE_SECONDS
    while child.poll() is None and interrupts.second is None and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS / 2)
    if child.poll() is None:
        child.kill()
    child.wait()
    wait_until(lambda: not alive(members - {child.pid}), LEAVE_SECONDS)
    log.unlink(missing_ok=True)
    servers(environ)  # Takes away the record of one that could not do so itself.
    number = interrupts.first or signal.SIGINT
    return 128 + number


def _report_failure(code: int, log: Path, environ: Mapping[str, str]) -> int:
    """Says why the server is not there; returns the exit code."""
    servers(environ)
    lines = complaint(log)
    if lines:
        print("\n".join(lines), file=sys.stderr)
    else:
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        print(f"error: the server ended before it was ready ({how})", file=sys.stderr)
    print(f"  log: {log}", file=sys.stderr)
    return code if code > 0 else 1


def _report_success(server: Server, log: Path, as_json: bool) -> None:
    for line in [*warnings(log), *card(log)]:
        print(line, file=sys.stderr)
    print(json.dumps(server.to_json(), indent=2) if as_json else server.url)
