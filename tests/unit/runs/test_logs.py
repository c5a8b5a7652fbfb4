from __future__ import annotations

import io
import os
import stat
import threading
import time
from pathlib import Path

import pytest

from sgl.errors import StartupError
from sgl.runs.child_log import card, complaint, warnings
from sgl.runs.history import expected_seconds, remember
from sgl.runs.logs import KEPT, create_log, follow, logs, seek_last_lines
from sgl.runs.places import logs_path, state_path


def test_a_log_is_private_and_the_oldest_go() -> None:
    folder = logs_path(os.environ)
    paths = []
    for number in range(KEPT + 3):
        descriptor, path = create_log(f"id{number}", os.environ)
        os.close(descriptor)
        older = path.with_name(f"id{number}-20260101-{number:06d}.log")
        path.rename(older)
        paths.append(older)
    descriptor, newest = create_log("mila", os.environ)
    os.close(descriptor)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(newest.stat().st_mode) == 0o600
    found = logs(os.environ)
    assert (found[0].id, found[0].path) == ("mila", newest)
    assert [log.path for log in found[1:]] == paths[:-KEPT:-1]
    assert len(found) == KEPT


def test_logs_of_no_one() -> None:
    assert logs(os.environ) == []


def test_without_a_home_logs_lie_beside_the_records(runtime: Path) -> None:
    environ = {"XDG_RUNTIME_DIR": str(runtime)}
    assert logs_path(environ) == runtime / "sgl" / "logs"
    assert logs_path({**environ, "HOME": "/home/x", "XDG_STATE_HOME": "/dev/null/x"}) == runtime / "sgl" / "logs"
    assert logs_path({**environ, "HOME": str(runtime)}) == runtime / ".local" / "state" / "sgl" / "logs"
    descriptor, path = create_log("mila", environ)
    os.close(descriptor)
    assert path.parent == runtime / "sgl" / "logs"


def test_a_log_folder_that_others_can_read_is_refused() -> None:
    logs_path(os.environ).mkdir(parents=True, mode=0o755)
    logs_path(os.environ).chmod(0o755)
    with pytest.raises(StartupError, match="open to other users"):
        create_log("mila", os.environ)


@pytest.mark.parametrize(
    ("count", "rest"),
    [(0, b""), (1, b"c"), (2, b"b\nc"), (3, b"a\nb\nc"), (9, b"a\nb\nc")],
)
def test_the_last_lines(count: int, rest: bytes) -> None:
    for ending in (b"", b"\n"):
        file = io.BytesIO(b"a\nb\nc" + ending)
        seek_last_lines(file, count)
        assert file.read() == (rest + ending if count else b"")
    empty = io.BytesIO()
    seek_last_lines(empty, count)
    assert empty.read() == b""


def test_following_ends_with_the_server_and_misses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first\n")
    running = threading.Event()
    running.set()
    got: list[bytes] = []

    def read() -> None:
        with path.open("rb") as file:
            got.extend(follow(file, running.is_set))

    reader = threading.Thread(target=read)
    reader.start()
    with path.open("ab", buffering=0) as file:
        file.write(b"second\n")
        time.sleep(0.15)
        file.write(b"last\n")
    running.clear()
    reader.join(5)
    assert b"".join(got) == b"first\nsecond\nlast\n"


def test_what_a_start_says(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "warning: listening on 0.0.0.0 without a key\n2026 [http] info x: error: not this\n"
        "\nsgl is ready at http://127.0.0.1:1 after 1.0 s\n\n  model  x\n\n  curl y\n\n2026 [http] info x: later\n"
    )
    assert warnings(log) == ["warning: listening on 0.0.0.0 without a key"]
    assert card(log) == ["", "sgl is ready at http://127.0.0.1:1 after 1.0 s", "", "  model  x", "", "  curl y", ""]
    assert complaint(log) == []
    log.write_text("error: first\nTraceback\nerror: no model\n  hint: look\n  hint: again\nother\n")
    assert complaint(log) == ["error: no model", "  hint: look", "  hint: again"]


def test_starts_are_remembered() -> None:
    assert expected_seconds("a", os.environ) is None
    remember("a", 1.5, os.environ)
    remember("b", 2.0, os.environ)
    remember("a", 3.0, os.environ)
    assert (expected_seconds("a", os.environ), expected_seconds("b", os.environ)) == (3.0, 2.0)


@pytest.mark.parametrize("text", ["", "[1]", '{"a": "long"}', '{"a": true}', "[" * 100_000])
def test_a_damaged_memory_is_no_memory(text: str) -> None:
    folder = state_path(os.environ)
    assert folder is not None
    folder.mkdir(mode=0o700)
    (folder / "starts.json").write_text(text)
    assert expected_seconds("a", os.environ) is None
    remember("a", 1.0, os.environ)
    assert expected_seconds("a", os.environ) == 1.0


def test_no_place_for_a_memory(tmp_path: Path) -> None:
    remember("a", 1.0, {})
    assert expected_seconds("a", {}) is None
    (tmp_path / "sgl").mkdir()
    (tmp_path / "sgl").chmod(0o777)
    remember("a", 1.0, {"XDG_STATE_HOME": str(tmp_path)})
    assert list((tmp_path / "sgl").iterdir()) == []
