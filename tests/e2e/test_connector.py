"""A server that a chat starts in a thread beside its display: it lives as long as the chat does, and no longer."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from sgl.runs.phase_lines import phase_lines
from sgl.runs.process import family
from sgl.runs.registry import servers
from sgl.runs.server import Server
from sgl.runs.stop import stop
from sgl_cli.chat.client import guard
from sgl_cli.chat.client.connector import Cancelled, Connected, Connector
from sgl_cli.chat.client.progress import Progress, Starting
from sgl_cli.chat.client.wish import Wish
from tests.conftest import ROOT
from tests.e2e.server_process import gone

SECONDS: Final = 90.0
OWNER: Final = """
import time
from sgl_cli.chat.client.connector import Connector
from sgl_cli.chat.client.wish import Wish
Connector(Wish(model="builtin")).connect(lambda _: None)
print("connected", flush=True)
time.sleep(600)
"""


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    """A machine where no server of ours runs; none may be left on it."""
    with tempfile.TemporaryDirectory(prefix="rt") as folder:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SGL_", "OPENAI_"))}
        places = {name: str(Path(folder) / name[4]) for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME")}
        for place in places.values():
            Path(place).mkdir(mode=0o700)
        environ = {**kept, **places, "PYTHONPATH": str(ROOT)}
        yield environ
        left = servers(environ)
        for server in left:
            stop(server, timeout=0, environ=environ)
        assert not left


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def in_thread(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_started_in_a_thread_and_stopped_at_the_end(environ: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[Progress] = []
    found: list[Connected] = []
    connector = Connector(Wish(model="builtin"), environ)
    in_thread(lambda: found.append(connector.connect(seen.append))).join(SECONDS)
    assert (found[0].model, found[0].models, found[0].started_here) == ("builtin", ("builtin",), True)
    server = found[0].server
    assert server is not None
    known = [each for each in seen if isinstance(each, Starting) and each.phases]
    assert {each.server_id for each in known} == {server.id}
    assert [line.title for line in phase_lines(known[-1].phases, time.time())][2] == "load weights"
    request = {"model": "builtin", "messages": [{"role": "user", "content": "Hello!"}]}
    assert list(found[0].client.ask(request))

    other = Connector(Wish(), environ)
    assert other.connect(seen.append).server == server
    other.close()
    assert servers(environ) == [server]

    members = family(server.pid)
    connector.close()
    connector.close()
    assert gone(members)
    assert servers(environ) == []
    assert capfd.readouterr() == ("", "")


def test_one_that_is_kept(environ: dict[str, str]) -> None:
    connector = Connector(Wish(keep=True), environ)
    server = connector.start("builtin", lambda _: None).server
    connector.close()
    assert servers(environ) == [server]
    assert server is not None
    stop(server, timeout=SECONDS, environ=environ)


@pytest.mark.parametrize("end", [Connector.cancel, Connector.close])
def test_nothing_is_left_of_a_start_that_was_cancelled(
    end: Callable[[Connector], None], environ: dict[str, str]
) -> None:
    raised: list[BaseException] = []
    connector = Connector(Wish(model="builtin"), environ)

    def connect() -> None:
        try:
            connector.connect(lambda _: None)
        except Cancelled as error:
            raised.append(error)

    thread = in_thread(connect)
    until(lambda: bool(servers(environ)))
    members = family(servers(environ)[0].pid)
    end(connector)
    thread.join(SECONDS)
    assert len(raised) == 1
    assert gone(members)
    assert servers(environ) == []
    assert list(Path(environ["XDG_STATE_HOME"]).rglob("*.log")) == []


@pytest.mark.parametrize("ready", [True, False])
def test_the_server_of_a_chat_that_was_killed_does_not_stay(ready: bool, environ: dict[str, str]) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], env=environ, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        if ready:
            assert owner.stdout is not None
            assert owner.stdout.readline() == b"connected\n"
        else:
            until(lambda: guarded(owner.pid))
        found: list[Server] = servers(environ)
        assert len(found) == 1
    finally:
        owner.kill()
        owner.communicate()
    until(lambda: not servers(environ))
    assert gone([found[0].pid])


def guarded(pid: int) -> bool:
    """Whether a process has a child that watches over its server."""
    for each in family(pid):
        with contextlib.suppress(OSError):  # It has just ended.
            words = (Path("/proc") / str(each) / "cmdline").read_bytes().split(b"\0")
            if words[0] == b"/bin/sh" and guard.__name__.encode() in words:
                return True
    return False
