from __future__ import annotations

import json
import os
import re
import stat
import threading
from pathlib import Path

import pytest

from sgl.errors import StartupError
from sgl.runs.registry import is_running, new_id, register, servers
from tests.registered_process import record, registered


def test_a_server_is_listed_while_it_lives_and_leaves_nothing(runtime: Path) -> None:
    with register(record(id="mila", port=30000)) as registration:
        (found,) = servers()
        assert found == registration.server
        assert (found.id, found.port, found.pid) == ("mila", 30000, os.getpid())
        assert is_running(found)
        folder = runtime / "sgl"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert servers() == []
    assert not is_running(found)
    assert list(runtime.iterdir()) == []


def test_updates_are_seen(runtime: Path) -> None:
    with register(record(state="starting")) as registration:
        registration.update(port=4711, url="http://127.0.0.1:4711", state="ready")
        (found,) = servers()
        assert (found.port, found.url, found.state) == (4711, "http://127.0.0.1:4711", "ready")
    registration.update(state="stopping")
    registration.close()
    assert list(runtime.iterdir()) == []


def test_two_servers_and_a_killed_one(runtime: Path) -> None:
    with registered(id="mila", started=2.0) as (first, _), registered(id="nora", started=1.0) as (second, _):
        assert [server.id for server in servers()] == ["nora", "mila"]
        assert [server.pid for server in servers()] == [second.pid, first.pid]
        second.kill()
        second.wait()
        assert {file.name for file in (runtime / "sgl").iterdir()} == {
            "mila.json",
            "mila.lock",
            "nora.json",
            "nora.lock",
        }
        assert [server.id for server in servers()] == ["mila"]
        assert {file.name for file in (runtime / "sgl").iterdir()} == {"mila.json", "mila.lock"}
        first.terminate()
        assert first.wait(10) == 0
        assert list(runtime.iterdir()) == []


def test_a_name_in_use_is_not_taken_twice(runtime: Path) -> None:
    with register(record(id="mila")) as first, register(record(id="mila")) as second:
        assert first.server.id == "mila"
        assert second.server.id != "mila"
        assert len(servers()) == 2


def test_ids_can_be_said_and_typed() -> None:
    assert all(re.fullmatch("([blmnrstv][aeio]){2}", new_id()) for _ in range(100))


def test_many_who_register_and_list_at_once(runtime: Path) -> None:
    """No one is lost, and no living one is taken for dead."""
    problems: list[object] = []

    def work(number: int) -> None:
        for turn in range(20):
            with register(record(port=number * 100 + turn + 1)) as registration:
                mine = [server for server in servers() if server.id == registration.server.id]
                if registration.problem or [server.port for server in mine] != [registration.server.port]:
                    problems.append((registration.problem, registration.server, mine))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert servers() == []


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000,
        b'{"format": 1}',
        json.dumps({**json.loads(record(id="nora").encode()), "format": 2}).encode(),
        json.dumps({**json.loads(record(id="nora").encode()), "pid": "1"}).encode(),
        json.dumps({**json.loads(record(id="nora").encode()), "pid": 1}).encode(),
        json.dumps({**json.loads(record(id="nora").encode()), "state": "asleep"}).encode(),
        json.dumps({**json.loads(record(id="nora").encode()), "phases": [{"nom": "x"}]}).encode(),
        json.dumps({**json.loads(record(id="nora").encode()), "phases": 3}).encode(),
        record(id="another").encode(),
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_a_record_that_cannot_be_read_hides_nobody_else(text: bytes, runtime: Path) -> None:
    with register(record(id="mila")), register(record(id="nora")):
        (runtime / "sgl" / "nora.json").write_bytes(text)
        assert [server.id for server in servers()] == ["mila"]
        # Its server may live, so its files stay.
        assert (runtime / "sgl" / "nora.lock").exists()


def test_records_of_a_later_version_may_say_more(runtime: Path) -> None:
    with register(record(id="mila")) as registration:
        content = {**json.loads(registration.server.encode()), "temperature_of_the_room": 21}
        (runtime / "sgl" / "mila.json").write_text(json.dumps(content))
        assert servers() == [registration.server]


def test_left_overs_without_their_other_half_are_removed(runtime: Path) -> None:
    with register(record(id="mila")):
        (runtime / "sgl" / "nora.json").write_bytes(record(id="nora").encode())
        (runtime / "sgl" / "toni.lock").touch()
        (runtime / "sgl" / "a-strange-file").touch()
        assert [server.id for server in servers()] == ["mila"]
        assert {file.name for file in (runtime / "sgl").iterdir()} == {"mila.json", "mila.lock", "a-strange-file"}


def test_links_in_the_folder_are_not_followed(runtime: Path, tmp_path: Path) -> None:
    with register(record(id="mila")):
        outside = tmp_path / "outside"
        outside.write_bytes(record(id="nora").encode())
        (runtime / "sgl" / "nora.lock").symlink_to(outside)
        (runtime / "sgl" / "nora.json").symlink_to(outside)
        assert [server.id for server in servers()] == ["mila"]
        assert outside.exists()


def test_a_folder_that_others_can_write_to_is_refused(runtime: Path) -> None:
    (runtime / "sgl").mkdir(mode=0o700)
    (runtime / "sgl").chmod(0o777)
    with pytest.raises(StartupError, match=r"open to other users \(mode 0777\)") as refusal:
        servers()
    assert refusal.value.hint is not None
    assert f"chmod 700 {runtime / 'sgl'}" in refusal.value.hint
    with register(record(id="mila")) as registration:
        assert "open to other users" in str(registration.problem)
        registration.update(state="stopping")
    assert list((runtime / "sgl").iterdir()) == []


def test_a_folder_of_another_user_is_refused(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (runtime / "sgl").mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(StartupError, match="belongs to another user"):
        servers()
    assert "belongs to another user" in str(register(record(id="mila")).problem)


@pytest.mark.parametrize("target", ["folder", "nothing"])
def test_a_link_in_place_of_the_folder_is_refused(target: str, runtime: Path, tmp_path: Path) -> None:
    if target == "folder":
        (tmp_path / target).mkdir(mode=0o700)
    (runtime / "sgl").symlink_to(tmp_path / target)
    with pytest.raises(StartupError, match="is a link"):
        servers()
    assert "is a link" in str(register(record(id="mila")).problem)


def test_a_file_in_place_of_the_folder_is_refused(runtime: Path) -> None:
    (runtime / "sgl").touch()
    with pytest.raises(StartupError, match="no folder"):
        servers()
    assert register(record(id="mila")).problem is not None


def test_without_a_runtime_folder_there_is_one_for_each_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with register(record(id="mila")):
        assert (tmp_path / f"sgl-{os.geteuid()}" / "mila.json").exists()
        assert [server.id for server in servers()] == ["mila"]
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_stops_no_server(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with register(record(id="mila")) as registration, monkeypatch.context() as patch:
        patch.setattr("sgl.runs.folder.PrivateFolder.write", no_space)
        registration.update(state="stopping")
        assert registration.server.state == "stopping"
        assert "No space left" in str(register(record(id="nora")).problem)
    assert list(runtime.iterdir()) == []
