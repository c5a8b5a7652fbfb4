from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sgl
from sgl.config.engine import EngineConfig
from sgl.errors import StartupError
from sgl.ipc.bootstrap import MAX_BYTES, Bootstrap, read_bootstrap

BOOTSTRAP = Bootstrap(
    config=EngineConfig(model_path="/models/ünï\ncode", page_size=16, threads=2),
    directory="/run/sgl-1-x",
    epoch=2**63 - 1,
    parent_pid=1234,
)


def read(data: bytes) -> tuple[Bootstrap, bytes]:
    """What is read from a pipe that holds ``data``, and what is left in it."""
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    try:
        return read_bootstrap(reading), os.read(reading, 100)
    finally:
        os.close(reading)


def test_one_line_is_read_and_not_a_byte_more() -> None:
    assert read(BOOTSTRAP.to_line() + b"later") == (BOOTSTRAP, b"later")


@pytest.mark.parametrize("data", [b"", b"{}", b"{}\n", b"\n", b"\xff\n", BOOTSTRAP.to_line()[:-1], b'{"epoch":1.5}\n'])
def test_anything_else_is_an_error(data: bytes) -> None:
    with pytest.raises(StartupError, match="engine process"):
        read(data)


def test_a_line_without_end_is_not_read_for_ever(tmp_path: Path) -> None:
    endless = tmp_path / "endless"
    endless.write_bytes(b"x" * (2 * MAX_BYTES))
    with endless.open("rb") as source, pytest.raises(StartupError, match="first line"):
        read_bootstrap(source.fileno())


def test_the_engine_process_started_by_hand_says_so_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sgl.scheduler.process"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(sgl.__file__).parents[1])},
    )
    assert done.returncode == 1
    assert done.stderr == "error: the engine process is started by sgl itself; its first line of input is missing\n"
