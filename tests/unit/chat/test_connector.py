"""Finding, awaiting and starting a server in a thread that can be told to give up."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

import pytest

from sgl.runs.phase import PhaseRecord
from sgl.runs.registry import Registration, register, servers
from sgl.runs.server import Server
from sgl_cli.chat.client.connector import HERE, Cancelled, Connected, Connector
from sgl_cli.chat.client.failures import NoServer, Refused
from sgl_cli.chat.client.find import NobodyRuns, StillStarting
from sgl_cli.chat.client.launch import StartFailed
from sgl_cli.chat.client.progress import Looking, Progress, Starting, Waiting
from sgl_cli.chat.client.wish import Wish
from tests.fake_openai import FakeOpenAI

SECONDS: Final = 30.0
"""Far more than any of this takes."""

PHASES: Final = (PhaseRecord("engine", "", 1.0, 2.0), PhaseRecord("weights", "", 3.0, None, 1, 4))

Enter = Callable[..., Registration]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A machine on which no server of ours runs."""
    return {"XDG_RUNTIME_DIR": str(tmp_path)}


@pytest.fixture(autouse=True)
def no_usual_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else listens on the machine of the tests."""
    monkeypatch.setattr("sgl_cli.chat.client.find._answers", lambda *_: False)


@pytest.fixture
def enter(environ: dict[str, str]) -> Iterator[Enter]:
    """Enters servers into the registry; this process stands for them."""
    with contextlib.ExitStack() as stack:

        def add(id: str, **changes: Any) -> Registration:
            fields: dict[str, Any] = {
                **{"host": "127.0.0.1", "port": 1, "url": "", "models": ("served",), "state": "starting"},
                **{"model_path": "/models/m", "version": "0", "started": 1.0, "phases": PHASES},
            }
            server = Server(id=id, pid=os.getpid(), **{**fields, **changes})
            return stack.enter_context(register(server, environ))

        yield add


class InThread:
    """A call in a thread of its own, with what it reports."""

    def __init__(self, call: Callable[[Callable[[Progress], None]], Connected]) -> None:
        self.seen: list[Progress] = []
        self.outcome: Future[Connected] = Future()
        threading.Thread(target=self._work, args=(call,), daemon=True).start()

    def until(self, kind: type[Progress]) -> Any:
        """Waits for such a report."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for progress in reversed(self.seen):
                if isinstance(progress, kind):
                    return progress
            time.sleep(0.01)
        raise AssertionError(self.seen)

    def _work(self, call: Callable[[Callable[[Progress], None]], Connected]) -> None:
        try:
            self.outcome.set_result(call(self.seen.append))
        except BaseException as error:
            self.outcome.set_exception(error)


def stand_in(script: str) -> list[str]:
    """What stands in for ``sgl serve``: the words that follow are its ``sys.argv``."""
    return [sys.executable, "-c", f"import sys, time\n{script}"]


def test_a_server_that_was_named(endpoint: FakeOpenAI, environ: dict[str, str]) -> None:
    endpoint.models = ["served", "owner/other"]
    seen: list[Progress] = []
    with contextlib.closing(Connector(Wish(url=endpoint.url, model="other"), environ)) as connector:
        found = connector.connect(seen.append)
        assert (found.model, found.models, found.started_here) == ("owner/other", ("served", "owner/other"), False)
        assert found.server is None
        assert list(found.client.ask({"model": "served", "messages": []}))
    assert seen == [Looking(endpoint.url)]
    connector.close()


def test_a_server_of_this_machine_with_its_record(endpoint: FakeOpenAI, environ: dict[str, str], enter: Enter) -> None:
    enter("mila", state="ready", url=endpoint.url.removesuffix("/v1"))
    for wish in (Wish(), Wish(model="mila"), Wish(model="/models/m"), Wish(url=endpoint.url)):
        with contextlib.closing(Connector(wish, environ)) as connector:
            found = connector.connect(lambda _: None)
            assert found.server is not None
            assert (found.model, found.server.id) == ("served", "mila")
    assert [server.id for server in servers(environ)] == ["mila"]


def test_two_side_by_side_share_a_server(endpoint: FakeOpenAI, environ: dict[str, str], enter: Enter) -> None:
    endpoint.models = ["a", "b"]
    enter("mila", state="ready", url=endpoint.url.removesuffix("/v1"), models=("a", "b"))
    connectors = [Connector(Wish(model=name), environ) for name in "ab"]
    found = [connector.connect(lambda _: None) for connector in connectors]
    assert [(each.model, each.client.endpoint.url) for each in found] == [("a", endpoint.url), ("b", endpoint.url)]
    connectors[0].close()
    assert list(found[1].client.ask({"model": "b", "messages": []}))
    connectors[1].close()


def test_nobody_runs(environ: dict[str, str]) -> None:
    with pytest.raises(NobodyRuns, match="no server is running"):
        Connector(Wish(), environ).connect(lambda _: None)


def test_a_server_that_refuses(endpoint: FakeOpenAI, environ: dict[str, str]) -> None:
    endpoint.key = "right"
    connector = Connector(Wish(url=endpoint.url), environ)
    with pytest.raises(Refused, match="asks for a key"):
        connector.connect(lambda _: None)
    endpoint.key = None
    assert connector.connect(lambda _: None).model == "served"  # It may be tried again.
    connector.close()


def test_a_server_that_somebody_else_starts_is_waited_for(
    endpoint: FakeOpenAI, environ: dict[str, str], enter: Enter
) -> None:
    registration = enter("mila", expected_seconds=9.0)
    connector = Connector(Wish(), environ)
    waiting = InThread(connector.connect)
    assert waiting.until(Waiting) == Waiting("served", "mila", PHASES, 10.0)
    registration.update(state="ready", url=endpoint.url.removesuffix("/v1"))
    found = waiting.outcome.result(SECONDS)
    assert (found.model, found.started_here, waiting.seen[0]) == ("served", False, Looking(HERE))
    connector.close()
    assert [server.id for server in servers(environ)] == ["mila"]


def test_one_who_is_not_patient(environ: dict[str, str], enter: Enter) -> None:
    enter("mila")
    with pytest.raises(StillStarting, match="server mila is still starting"):
        Connector(Wish(), environ, patient=False).connect(lambda _: None)


def test_the_server_that_is_waited_for_fails(environ: dict[str, str], enter: Enter, tmp_path: Path) -> None:
    log = tmp_path / "mila.log"
    log.write_text("error: out of memory\n")
    registration = enter("mila", log=str(log))
    waiting = InThread(Connector(Wish(), environ).connect)
    waiting.until(Waiting)
    registration.close()
    with pytest.raises(NoServer, match="server mila has ended before it was ready: out of memory") as caught:
        waiting.outcome.result(SECONDS)
    assert caught.value.hint == f"all that it wrote: {log}"


def test_giving_up_on_a_server_that_says_nothing(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connector = Connector(Wish(url=f"http://127.0.0.1:{silent.getsockname()[1]}"), environ)
        connecting = InThread(connector.connect)
        other, _ = silent.accept()
        began = time.monotonic()
        connector.cancel()
        with pytest.raises(Cancelled):
            connecting.outcome.result(SECONDS)
        assert time.monotonic() - began < 5  # The server would have been given ten seconds.
        other.close()
    connector.close()
    with pytest.raises(Cancelled):
        connector.connect(lambda _: None)


def test_giving_up_on_a_server_of_somebody_else(environ: dict[str, str], enter: Enter) -> None:
    enter("mila")
    connector = Connector(Wish(), environ)
    waiting = InThread(connector.connect)
    waiting.until(Waiting)
    connector.close()
    with pytest.raises(Cancelled):
        waiting.outcome.result(SECONDS)
    assert [server.id for server in servers(environ)] == ["mila"]


def test_the_reason_of_a_failure_is_the_error(environ: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    said = r"note: a\nerror: first\n  hint: x\nerror: there is no room\n  hint: use less\n  log: /logs/mila\n"
    command = stand_in(f"print('x'); sys.stderr.write('{said}'); sys.exit(3)")
    connector = Connector(Wish(model="m"), environ, command=command)
    with pytest.raises(StartFailed) as caught:
        connector.connect(lambda _: None)
    error = caught.value
    assert (error.message, error.hint, error.exit_code, error.log) == (
        "there is no room",
        "use less",
        3,
        "/logs/mila",
    )
    assert capfd.readouterr() == ("", "")
    connector.close()


def test_a_failure_without_words(environ: dict[str, str]) -> None:
    command = stand_in("sys.exit(' '.join(sys.argv))")
    with pytest.raises(StartFailed, match="no server could be started for 'm'"):
        Connector(Wish(), environ, command=command).start("m", lambda _: None)
    with pytest.raises(StartFailed, match="cannot start a process"):
        Connector(Wish(), environ, command=["./no/such/program"]).start("m", lambda _: None)


def test_giving_up_during_a_download(environ: dict[str, str], tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"import os; open({str(pid)!r}, 'w').write(str(os.getpid()))\nprint('3 of 7 GiB', file=sys.stderr)"
    connector = Connector(Wish(model="m"), environ, command=stand_in(f"{script}\nsys.stderr.flush(); time.sleep(60)"))
    starting = InThread(connector.connect)
    deadline = time.monotonic() + SECONDS
    while Starting("m", note="3 of 7 GiB") not in starting.seen and time.monotonic() < deadline:
        time.sleep(0.01)
    assert starting.seen[-1] == Starting("m", note="3 of 7 GiB")
    connector.cancel()
    with pytest.raises(Cancelled):
        starting.outcome.result(SECONDS)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
