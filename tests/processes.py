"""Looks at the processes that a test has started; Linux."""

from __future__ import annotations

from pathlib import Path

FAKE_ENGINE = "tests.fake_engine_process"
"""What ``python -m`` runs as an engine without a model."""


def is_alive(pid: int) -> bool:
    """Whether process ``pid`` runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def children() -> set[int]:
    """Processes that any thread of this one has started and that still run."""
    pids = {int(pid) for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()}
    return {pid for pid in pids if is_alive(pid)}


def engines() -> set[int]:
    """Of the `children`, the fake engines."""
    return {pid for pid in children() if FAKE_ENGINE.encode() in _command(pid)}


def _command(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return []
