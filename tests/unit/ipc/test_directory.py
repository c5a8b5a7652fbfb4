from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import sgl
from sgl.errors import StartupError
from sgl.ipc.directory import FROM_ENGINE, SETTLING_SECONDS, TO_ENGINE, SocketDirectory, remove_leftovers


def aged(path: Path) -> Path:
    """``path``, made to look older than the settling time."""
    past = time.time() - 2 * SETTLING_SECONDS
    os.utime(path, (past, past))
    return path


def leave_behind(base: Path) -> Path:
    """What a killed server leaves: a folder with two sockets and no owner."""
    code = (
        "import os; from sgl.ipc.directory import SocketDirectory\n"
        "directory = SocketDirectory.create(); print(directory.path, flush=True); os._exit(9)"
    )
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(base), "PYTHONPATH": str(Path(sgl.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)
    path = Path(done.stdout.strip())
    for name in (TO_ENGINE, FROM_ENGINE):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path / name))
        listener.close()
    return path


def test_the_folder_is_private_and_goes_away(tmp_path: Path) -> None:
    directory = SocketDirectory.create({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert directory.path.parent == tmp_path
    assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
    (directory.path / TO_ENGINE).touch()
    directory.remove()
    directory.remove()
    assert list(tmp_path.iterdir()) == []


def test_without_a_runtime_folder_the_temporary_one_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for runtime in ("", "not/absolute", str(tmp_path / "missing")):
        directory = SocketDirectory.create({"XDG_RUNTIME_DIR": runtime})
        assert directory.path.parent == tmp_path
        directory.remove()


def test_a_path_too_long_for_a_socket_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    base = tmp_path / ("x" * 100)
    base.mkdir()
    with pytest.raises(StartupError, match="set XDG_RUNTIME_DIR to a folder with a shorter path"):
        SocketDirectory.create({"XDG_RUNTIME_DIR": str(base)})
    assert list(base.iterdir()) == []


def test_a_dead_owners_folder_is_removed_by_the_next_start(tmp_path: Path) -> None:
    left = aged(leave_behind(tmp_path))
    assert left.exists()
    directory = SocketDirectory.create({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert list(tmp_path.iterdir()) == [directory.path]
    directory.remove()


def test_living_young_and_foreign_folders_stay(tmp_path: Path) -> None:
    living = SocketDirectory.create({"XDG_RUNTIME_DIR": str(tmp_path)})
    aged(living.path)
    young = leave_behind(tmp_path)
    full = tmp_path / "sgl-1-with-something-else"
    full.mkdir()
    (full / "notes.txt").touch()
    aged(full)
    target = tmp_path / "elsewhere"
    target.mkdir()
    link = tmp_path / "sgl-2-link"
    link.symlink_to(target)
    assert remove_leftovers(tmp_path) == 0
    assert all(path.exists() for path in (living.path, young, full / "notes.txt", target, link))
    living.remove()
