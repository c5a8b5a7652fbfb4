from __future__ import annotations

import asyncio
import io
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sgl.protocol.messages import Phase
from sgl.runs.announce import unannounced
from sgl.runs.history import expected_seconds
from sgl.runs.registry import register, servers
from sgl.server.relay import Relay
from sgl.server.startup import Startup
from tests.registered_process import record

PHASES = (
    Phase("resolve", "LlamaForCausalLM, float32", 0.01),
    Phase("weights", total=2**30),
    Phase("weights", done=2**29, total=2**30),
    Phase("weights", "1.0 GiB", 0.5, 2**30, 2**30),
    Phase("warm_up"),
)


@pytest.fixture(autouse=True)
def _records_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.setenv("XDG_STATE_HOME", folder + "/state")
        yield


def test_a_log_gets_lines(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    with caplog.at_level(logging.INFO), Startup(unannounced()) as startup:
        startup.begin()
        assert startup.engine_output is None
        for phase in PHASES:
            startup.note(phase)
        startup.ready("the card")
    lines = [record.message for record in caplog.records]
    assert lines[0].startswith("start the engine: done in ")
    assert lines[1:] == [
        "read the model: LlamaForCausalLM, float32: done in 0.01 s",
        "load weights (1.0 GiB) ...",
        "load weights: 1.0 GiB: done in 0.50 s",
    ]
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "the card\n")


def test_the_registry_hears_of_every_step_and_the_next_start_of_this_one() -> None:
    with register(record(state="starting", model_path="m")) as registration, Startup(registration) as startup:
        startup.begin()
        assert [phase.name for phase in servers()[0].phases] == ["engine"]
        for phase in PHASES:
            startup.note(phase)
        (server,) = servers()
        assert [(phase.name, phase.seconds) for phase in server.phases[1:]] == [
            ("resolve", 0.01),
            ("weights", 0.5),
            ("warm_up", None),
        ]
        assert server.state == "starting"
        startup.ready("")
        (server,) = servers()
        assert server.state == "ready"
        assert server.ready == pytest.approx(time.time(), abs=5)
    assert expected_seconds("m", os.environ) == pytest.approx(0, abs=5)


def test_a_start_that_nobody_is_to_know_of_is_not_remembered() -> None:
    with Startup(unannounced()) as startup:
        startup.ready("")
    assert expected_seconds("", os.environ) is None


async def test_time_goes_on(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sgl.runs.plain.SECONDS_BETWEEN", 0.01)
    with caplog.at_level(logging.INFO), Startup(unannounced()) as startup:
        startup.begin()
        async with startup.ticking():
            await asyncio.sleep(0.3)
    assert caplog.records[0].message.startswith("start the engine after 0 s")


def test_a_relay_passes_on_what_a_process_writes(tmp_path: Path) -> None:
    stream = io.StringIO()
    program = "import os; os.write(1, b'one\\nt\\xffwo\\n'); os.write(2, b'three')"
    with Relay(stream) as relay:
        subprocess.run([sys.executable, "-c", program], stdout=relay.descriptor, stderr=relay.descriptor, check=True)
    assert stream.getvalue() == "one\nt\ufffdwo\nthree"


def test_a_relay_goes_on_when_nobody_can_see_it() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    program = "print('x' * 100, file=__import__('sys').stderr);" * 2000
    with Relay(Gone()) as relay:
        subprocess.run([sys.executable, "-c", program], stderr=relay.descriptor, check=True, timeout=30)
