from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from sgl.runs.process import ProcessHandle, alive, family, resident_bytes, wait_until
from sgl.runs.registry import register, servers
from sgl.runs.stop import patience, stop
from tests.registered_process import record, registered


def test_it_is_asked_and_goes() -> None:
    with registered(id="mila") as (process, _):
        (server,) = servers()
        assert stop(server, timeout=10).ending == "stopped"
        assert process.wait(5) == 0
        assert stop(server, timeout=10).ending == "gone"
    assert servers() == []


def test_one_that_does_not_go_is_killed() -> None:
    with registered("deaf", id="mila") as (process, _):
        (server,) = servers()
        outcome = stop(server, timeout=0.2)
        assert (outcome.ending, outcome.seconds >= 0.2) == ("killed", True)
        assert process.wait(5) == -signal.SIGKILL
    assert servers() == []


def test_force_does_not_ask() -> None:
    with registered(id="mila") as (process, _):
        (server,) = servers()
        assert stop(server, timeout=60, force=True).ending == "killed"
        assert process.wait(5) == -signal.SIGKILL


def test_a_process_that_does_not_hold_the_lock_is_left_alone() -> None:
    """Its id may have gone to another process since the record was read."""
    innocent = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        with registered(id="mila") as (process, _):
            (server,) = servers()
            wrong = replace(server, pid=innocent.pid)
            assert stop(wrong, timeout=0, force=True).ending == "gone"
            process.kill()
            process.wait()
            assert stop(wrong, timeout=0, force=True).ending == "gone"
        with register(record(id="nora", pid=innocent.pid)) as registration:
            registration.close()
            assert stop(registration.server, timeout=0, force=True).ending == "gone"
        assert innocent.poll() is None
    finally:
        innocent.communicate()


def test_patience_is_more_than_the_server_s_own() -> None:
    assert patience(record(drain_seconds=30.0)) > 30


@pytest.mark.parametrize("handles", [True, False])
def test_a_process_from_outside(handles: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not handles:
        monkeypatch.delattr(os, "pidfd_open")
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        with ProcessHandle(child.pid) as handle:
            assert not handle.wait(0.05)
            assert child.pid in family(os.getpid())
            assert alive([child.pid]) == {child.pid}
            assert (resident_bytes([child.pid]) or 0) > 2**20
            assert handle.send(signal.SIGKILL)
            assert wait_until(lambda: not alive([child.pid]), 5)
            child.wait()
            assert handle.wait(1)
            assert not handle.send(signal.SIGTERM)
    finally:
        child.communicate()
    assert resident_bytes([child.pid]) is None
