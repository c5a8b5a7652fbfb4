"""The file: who may read it, what is never overwritten, and several chats at once."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sgl_cli.chat.store import schema
from sgl_cli.chat.store.chat_store import default_path, memory_store, open_store
from sgl_cli.chat.store.database import StoreError, open_database
from sgl_cli.chat.store.parts import Text


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_may_read(path: Path) -> None:
    old = os.umask(0)
    try:
        with open_store(path) as store:
            store.drafts.begin(store.threads.new().id, None)
            assert mode(path.parent) == 0o700
            files = [file for file in path.parent.rglob("*") if file.is_file()]
            assert len(files) == 4  # The database, its two helpers, and the lock of the draft.
            assert {mode(file) for file in files} == {0o600}
    finally:
        os.umask(old)
    os.chmod(path, 0o644)
    open_store(path).close()
    assert mode(path) == 0o600


def test_where_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_path({"XDG_DATA_HOME": "/data"}) == Path("/data/sgl/chat.db")
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = tmp_path / ".local" / "share" / "sgl" / "chat.db"
    assert default_path({}) == default_path({"XDG_DATA_HOME": "relative"}) == expected
    open_store(environ={"XDG_DATA_HOME": str(tmp_path)}).close()
    assert (tmp_path / "sgl" / "chat.db").is_file()


def test_a_second_opening_takes_no_time(path: Path) -> None:
    with open_store(path) as store:
        thread = store.threads.new()
        with store.transaction():
            for _ in range(200):
                store.messages.append(thread.id, "user", "word " * 50)
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        open_store(path).close()
        best = min(best, time.perf_counter() - start)
    assert best < 0.02


def test_nothing_is_saved_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with memory_store() as store:
        assert store.path is None
        thread = store.threads.new()
        store.messages.append(thread.id, "user", "secret")
        store.drafts.begin(thread.id, None)
    assert list(tmp_path.iterdir()) == []


def foreign_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()


def newer_database(path: Path) -> None:
    open_store(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()


def cut_database(path: Path) -> None:
    with open_store(path) as store:
        store.prompts.add("x" * 100_000)
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda path: path.write_text("Dear diary,\n"), "is not a chat database"),
        (lambda path: path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000), "is not a chat database|damaged"),
        (foreign_database, "is the database of another program"),
        (newer_database, "was written by a newer sgl"),
        (cut_database, "is damaged|is not a chat database"),
    ],
)
def test_other_files_are_never_overwritten(path: Path, prepare: object, message: str) -> None:
    path.parent.mkdir()
    prepare(path)  # type: ignore[operator]
    before = path.read_bytes()
    with pytest.raises(StoreError, match=message) as caught:
        open_store(path)
    assert path.read_bytes() == before
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert sorted(file.name for file in path.parent.iterdir() if file.stat().st_size) == ["chat.db"]


def test_an_empty_file_is_a_new_one(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    open_store(path).close()
    assert path.stat().st_size


@pytest.mark.parametrize("kind", ["folder", "fifo", "file above", "no permission"])
def test_places_where_no_file_can_be(path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "folder":
        path.mkdir(parents=True)
    elif kind == "fifo":
        path.parent.mkdir()
        os.mkfifo(path)
    elif kind == "file above":
        path.parent.write_text("")
    else:
        monkeypatch.setattr(os, "open", _refuse)  # Permissions do not bind root, who may run the tests.
    with pytest.raises(StoreError) as caught:
        open_store(path)
    assert "--no-save" in (caught.value.hint or "")


def _refuse(*_: object, **__: object) -> int:
    raise PermissionError(13, "Permission denied")


def test_a_full_disk_is_one_line_and_loses_nothing(path: Path) -> None:
    with open_store(path) as store:
        thread = store.threads.new()
        kept = store.messages.append(thread.id, "user", "kept")
        (pages,) = store._database.row("PRAGMA page_count") or (0,)
        store._database.rows(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match=r"disk of .* is full") as caught:
            store.messages.append(thread.id, "user", "x" * 1_000_000)
        assert "--no-save" in (caught.value.hint or "")
        assert store.messages.tree(thread.id) == [kept]
        draft = store.drafts.begin(thread.id, kept.hash)
        draft.update([Text("y" * 1_000_000)])
        wait_for(lambda: draft.problem is not None)
        assert "full" in str(draft.problem)
        store._database.rows("PRAGMA max_page_count = 1000000")
        wait_for(lambda: draft.problem is None)
        assert draft.finish("stop") is not None


def wait_for(condition: object) -> None:
    deadline = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_lock_that_is_never_released_is_one_line(path: Path) -> None:
    open_store(path).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    database = open_database(path, busy_seconds=0.05)
    with pytest.raises(StoreError, match="is in use"), database.transaction():
        pass
    database.close()
    holder.close()


def test_a_closed_store_says_so(path: Path) -> None:
    store = open_store(path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.threads.new()


def test_a_transaction_is_all_or_nothing(path: Path) -> None:
    with open_store(path) as store:

        def interrupted() -> None:
            with store.transaction():
                store.threads.new()
                store.threads.new()
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert store.threads.summaries() == []
        store.threads.new()
        assert len(store.threads.summaries()) == 1


def test_threads_of_one_process_share_a_store(path: Path) -> None:
    with open_store(path) as store:

        def work() -> None:
            thread = store.threads.new()
            for number in range(20):
                store.messages.append(thread.id, "user", str(number))

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [row.messages for row in store.threads.summaries()] == [20] * 4


WRITER = """
import sys
from pathlib import Path
from sgl_cli.chat.store.chat_store import open_store
sys.stdin.readline()
with open_store(Path(sys.argv[1])) as store:
    thread = store.threads.new()
    for number in range(20):
        store.messages.append(thread.id, "user", str(number))
        store.prompts.add(f"prompt {number}")
"""


def test_processes_that_start_at_once_share_a_new_file(path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert (writer.returncode, errors) == (0, "")
    with open_store(path) as store:
        assert [row.messages for row in store.threads.summaries()] == [20] * 4
        assert len(store.prompts.recent()) == 20
