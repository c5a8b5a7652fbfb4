"""The real machine: whatever is asked has an answer in time, and no child stays."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sgl.doctor.live import LiveMachine
from sgl.doctor.machine import PYTHON
from sgl.doctor.probes.network import listening_inodes, probe_network


@pytest.fixture
def machine() -> Iterator[LiveMachine]:
    with LiveMachine() as machine:
        yield machine


def test_a_command(machine: LiveMachine) -> None:
    ran = machine.run([PYTHON, "-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(4)"], 60)
    assert (ran.status, ran.stdout, ran.stderr, ran.problem, ran.good) == (4, "out\n", "err\n", "", False)


def test_a_command_that_is_not_there(machine: LiveMachine, tmp_path: Path) -> None:
    assert machine.run(["no-such-program-here"], 5).problem == "missing"
    text = tmp_path / "text"
    text.write_text("not a program")
    assert machine.run([str(text)], 5).problem == "denied"


def test_a_crash_has_its_signal(machine: LiveMachine) -> None:
    assert machine.run([PYTHON, "-c", "import os; os.kill(os.getpid(), 11)"], 60).status == -11


def test_a_command_that_hangs_is_killed_with_its_children(machine: LiveMachine) -> None:
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    start = time.monotonic()
    ran = machine.run([PYTHON, "-c", program], 1)
    assert ran.problem == "timeout"
    assert time.monotonic() - start < 30


def test_closing_ends_what_runs() -> None:
    machine = LiveMachine()
    answers: list[int | None] = []
    command = [PYTHON, "-c", "import time; time.sleep(600)"]
    thread = threading.Thread(target=lambda: answers.append(machine.run(command, 600).status))
    thread.start()
    while not machine._children:
        time.sleep(0.01)
    machine.close()
    thread.join(30)
    assert answers == [-9]
    assert machine.run(command, 600).problem == "timeout"  # Nothing is started any more.


def test_files(machine: LiveMachine, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text\xff")
    os.symlink("file", tmp_path / "link")
    assert machine.read(str(tmp_path / "file")) == "text\ufffd"
    assert machine.read(str(tmp_path / "none")) is None
    assert machine.read(str(tmp_path)) is None
    assert machine.entries(str(tmp_path)) == ["file", "link"]
    assert machine.entries(str(tmp_path / "none")) is None
    assert machine.link(str(tmp_path / "link")) == "file"
    assert machine.link(str(tmp_path / "file")) is None
    assert machine.exists(str(tmp_path / "file"))


def test_disk_of_a_folder_that_is_not_there_yet(machine: LiveMachine, tmp_path: Path) -> None:
    disk = machine.disk(str(tmp_path / "a" / "b"))
    assert disk is not None
    assert 0 <= disk.free <= disk.total
    assert machine.writable(str(tmp_path / "a" / "b"))


def test_packages(machine: LiveMachine) -> None:
    found = machine.distribution("typer")
    assert found is not None
    assert found.versions
    assert machine.distribution("no-such-package-here") is None


def test_facts_about_this_process(machine: LiveMachine) -> None:
    assert machine.interpreter.executable == sys.executable
    assert machine.cores()[0] >= machine.cores()[1] >= 1
    assert set(machine.limits()) == {"open_files", "locked_bytes", "processes"}
    assert machine.identity.home


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_who_holds_a_port(machine: LiveMachine) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        facts = probe_network(machine, port)
        assert (facts.port_problem, facts.holder_pid) == ("taken", os.getpid())
        own = Path("/proc/self/cmdline").read_text().split("\0")
        assert own[0] in facts.holder
        assert max(own[1:], key=len)[:40] in facts.holder
        assert facts.free_port != port
    assert machine.bind("127.0.0.1", port) == ""


def test_the_kernels_table_of_sockets() -> None:
    table = (
        "  sl  local_address rem_address   st\n"
        "   0: 0100007F:7530 00000000:0000 0A 0:0 0:0 0 1000 0 4711 1\n"
        "   1: 00000000000000000000000001000000:7530 0:0 0A 0:0 0:0 0 1000 0 4712 1\n"
        "   2: 0100007F:7530 0100007F:9999 01 0:0 0:0 0 1000 0 4713 1\n"
        "   3: half a line\n"
    )
    assert listening_inodes(table, 30000) == ["4711", "4712"]
