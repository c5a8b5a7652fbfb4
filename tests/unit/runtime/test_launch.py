"""Whole processes: the real launcher and the real engine entry point, with a fake scheduler inside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import sgl
from sgl.config.engine import EngineConfig
from sgl.errors import EngineDead, ModelError, StartupError
from sgl.ipc.token_ids import pack_ids
from sgl.protocol.messages import Generate, Outputs, Phase, Probe, Stats
from sgl.protocol.sampling import SamplingParams
from sgl.runtime.client import EngineClient, GenerateSpec
from sgl.runtime.launch import EngineHandle, child_environment, launch_engine
from sgl.tokenizer.load import Tokenizer
from tests.fakes import fake_token
from tests.processes import FAKE_ENGINE, engines, is_alive

ROOT = Path(sgl.__file__).parents[1]
SOON = 5.0
"""Seconds; a moment on any machine, and less than the ten that an engine is waited for."""


@pytest.fixture(autouse=True)
def runtime_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh, short $XDG_RUNTIME_DIR, so that a test sees every socket folder there is."""
    with tempfile.TemporaryDirectory(prefix="rt") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


def config(behaviour: str, **fields: object) -> EngineConfig:
    return EngineConfig(model_path=behaviour, **fields)  # type: ignore[arg-type]


async def gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    return not is_alive(pid)


@contextlib.asynccontextmanager
async def engine(behaviour: str = "good", **fields: object) -> AsyncIterator[EngineHandle]:
    handle = await launch_engine(config(behaviour, **fields), module=FAKE_ENGINE)
    try:
        yield handle
    finally:
        await handle.stop()


async def test_start_generate_stop(runtime_folder: Path) -> None:
    phases: list[Phase] = []
    handle = await launch_engine(config("good"), phases.append, module=FAKE_ENGINE)
    assert handle.info.architecture == "LlamaForCausalLM"
    assert phases == [Phase("loading weights", "good"), Phase("loading weights", "good", 0.25)]
    handle.transport.send(
        Generate(rid=1, input_ids=pack_ids([1, 2, 3]), sampling=SamplingParams(max_new_tokens=3), seed=0)
    )
    deltas = []
    while not deltas or deltas[-1].finish is None:
        body = await asyncio.wait_for(handle.transport.recv(), 5.0)
        assert isinstance(body, Outputs)
        deltas += body.deltas
    assert [delta.start for delta in deltas] == [0, 1, 2]
    assert await handle.stop() == 0
    assert not is_alive(handle.pid)
    assert list(runtime_folder.iterdir()) == []
    assert await handle.stop() == 0


async def test_closing_the_transport_ends_the_engine(runtime_folder: Path) -> None:
    handle = await launch_engine(config("good"), module=FAKE_ENGINE)
    await handle.transport.close()
    assert handle.died.result() == 0
    assert list(runtime_folder.iterdir()) == []


async def test_the_socket_folder_is_private(runtime_folder: Path) -> None:
    async with engine():
        (folder,) = runtime_folder.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700


async def test_an_idle_engine_uses_no_cpu_time() -> None:
    async with engine() as handle:
        handle.transport.send(Probe(1))
        await handle.transport.recv()

        def used() -> float:
            fields = Path(f"/proc/{handle.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        before = used()
        await asyncio.sleep(0.5)
        assert used() - before <= 0.02


@pytest.mark.parametrize(
    ("behaviour", "error", "message", "hint"),
    [
        ("refuses", ModelError, "model.safetensors is truncated", "download it again"),
        ("exhausts-memory", StartupError, "out of memory while starting the engine", "--mem-fraction-static"),
        ("meets-a-bug", StartupError, r"the engine could not start: KeyError: 'no such\nlayer'", "SGL_DEBUG=1"),
        ("gets-killed", StartupError, "the engine process died while starting: killed by SIGKILL", None),
    ],
)
async def test_a_failed_start_says_why_in_one_line_and_leaves_nothing(
    runtime_folder: Path, capfd: pytest.CaptureFixture[str], behaviour: str, error: type, message: str, hint: str | None
) -> None:
    with pytest.raises(error) as caught:
        await launch_engine(config(behaviour), module=FAKE_ENGINE)
    assert caught.type is error
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    if hint is not None:
        assert hint in (caught.value.hint or "")
    assert "Traceback" not in capfd.readouterr().err
    assert engines() == set()
    assert list(runtime_folder.iterdir()) == []


async def test_sgl_debug_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SGL_DEBUG", "1")
    with pytest.raises(StartupError):
        await launch_engine(config("meets-a-bug"), module=FAKE_ENGINE)
    assert "Traceback" in capfd.readouterr().err


async def test_an_engine_module_that_does_not_exist(runtime_folder: Path) -> None:
    with pytest.raises(StartupError, match="the engine process died while starting: exit code 1"):
        await launch_engine(config("good"), module="tests.no_such_module")
    assert list(runtime_folder.iterdir()) == []


async def test_a_cancelled_start_leaves_nothing(runtime_folder: Path) -> None:
    for delay in (0.0, 0.01, 0.3):
        begun = asyncio.Event()
        start = asyncio.ensure_future(
            launch_engine(config("takes-for-ever"), lambda _, begun=begun: begun.set(), module=FAKE_ENGINE)
        )
        await asyncio.sleep(delay)
        if delay == 0.3:
            await asyncio.wait_for(begun.wait(), 10.0)
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start
        assert engines() == set()
        assert list(runtime_folder.iterdir()) == []


async def test_a_killed_engine_is_noticed_at_once() -> None:
    async with engine() as handle:
        waiting = asyncio.ensure_future(handle.transport.recv())
        await asyncio.sleep(0.05)
        killed = time.monotonic()
        os.kill(handle.pid, signal.SIGKILL)
        with pytest.raises(EngineDead, match="killed by SIGKILL"):
            await waiting
        assert time.monotonic() - killed < SOON
        with pytest.raises(EngineDead):
            handle.transport.send(Probe(1))
        assert await handle.died == -signal.SIGKILL


async def test_a_killed_engine_ends_every_request_at_once(tokenizer: Tokenizer) -> None:
    async with engine() as handle:
        client = EngineClient(handle.transport, handle.info, tokenizer)
        sampling = SamplingParams(max_new_tokens=400)
        generations = [client.submit(GenerateSpec([1, 300 + number], sampling)) for number in range(8)]
        await anext(generations[0])
        waits = [asyncio.ensure_future(generation.wait()) for generation in generations]
        await asyncio.sleep(0.02)
        killed = time.monotonic()
        os.kill(handle.pid, signal.SIGKILL)
        results = await asyncio.gather(*waits, return_exceptions=True)
        assert time.monotonic() - killed < SOON
        assert {type(result) for result in results} == {EngineDead}
        assert not client.alive
        await client.close()


async def test_a_client_in_front_of_a_process(tokenizer: Tokenizer, runtime_folder: Path) -> None:
    handle = await launch_engine(config("good"), module=FAKE_ENGINE)
    client = EngineClient(handle.transport, handle.info, tokenizer)
    generation = await client.submit(GenerateSpec([1, 300], SamplingParams(max_new_tokens=20))).wait()
    assert generation.output_ids == [fake_token([1, 300], position, 512) for position in range(20)]
    assert (await client.probe(5.0)).steps_total == 20
    await client.close()
    assert handle.died.result() == 0
    assert list(runtime_folder.iterdir()) == []


async def test_a_bug_in_the_running_engine_is_logged_and_ends_it(capfd: pytest.CaptureFixture[str]) -> None:
    async with engine("broken") as handle:
        handle.transport.send(Probe(1))
        with pytest.raises(EngineDead, match="exit code 70"):
            await handle.transport.recv()
        assert "RuntimeError: a bug" in capfd.readouterr().err


async def test_an_engine_that_does_not_listen_is_killed(runtime_folder: Path) -> None:
    handle = await launch_engine(config("deaf"), module=FAKE_ENGINE)
    started = time.monotonic()
    assert await handle.stop(timeout=0.1) == -signal.SIGKILL
    assert time.monotonic() - started < SOON
    assert list(runtime_folder.iterdir()) == []


async def test_signals_meant_for_the_server_do_not_end_the_engine() -> None:
    async with engine() as handle:
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(handle.pid, number)
        handle.transport.send(Probe(3))
        assert await handle.transport.recv() == Stats(ticket=3, kv_tokens=4096)
        assert os.getpgid(handle.pid) != os.getpgrp()


async def test_the_engine_cannot_dump_its_memory_and_writes_private_files() -> None:
    async with engine() as handle:
        assert resource.prlimit(handle.pid, resource.RLIMIT_CORE) == (0, 0)
        status = Path(f"/proc/{handle.pid}/status").read_text()
        assert "Umask:\t0077" in status
        assert "NoNewPrivs:\t1" in status


async def test_nothing_secret_is_on_the_command_line_or_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SGL_API_KEY", "sk-secret")
    async with engine(threads=3) as handle:
        assert handle.info.settings == {"threads": "3", "key": None}
        command = Path(f"/proc/{handle.pid}/cmdline").read_bytes().split(b"\0")
        assert command[1:] == [b"-m", FAKE_ENGINE.encode(), b""]


def test_the_child_imports_the_same_package_and_nothing_from_the_current_folder() -> None:
    child = child_environment(config("good"), {"PATH": "/bin", "PYTHONPATH": "/mine"})
    assert child["PYTHONPATH"].split(os.pathsep) == [str(ROOT), "/mine"]
    assert child["PYTHONSAFEPATH"] == "1"
    assert "OMP_NUM_THREADS" not in child


PARENT = """
import asyncio, sys
from sgl.config.engine import EngineConfig
from sgl.runtime.client import EngineClient, GenerateSpec
from sgl.runtime.launch import launch_engine

async def main():
    config = EngineConfig(model_path=sys.argv[1])
    handle = await launch_engine(config, lambda phase: print("phase", flush=True), module="tests.fake_engine_process")
    print(handle.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def start_parent(behaviour: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", PARENT, behaviour],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_line(parent: subprocess.Popen[str]) -> str:
    assert parent.stdout is not None
    return parent.stdout.readline().strip()


async def test_the_engine_dies_with_its_parent() -> None:
    with start_parent("good") as parent:
        assert [read_line(parent), read_line(parent)] == ["phase", "phase"]
        pid = int(read_line(parent))
        assert is_alive(pid)
        parent.kill()
        assert await gone_within(pid, 1.0)


async def test_ctrl_c_while_starting_leaves_nothing(runtime_folder: Path) -> None:
    with start_parent("takes-for-ever") as parent:
        assert read_line(parent) == "phase"
        (started,) = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        parent.send_signal(signal.SIGINT)
        assert await gone_within(int(started), 2.0)
        assert await asyncio.to_thread(parent.wait, 5.0) != 0
        assert list(runtime_folder.iterdir()) == []
