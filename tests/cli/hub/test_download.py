"""`sgl download` as it is typed: exit codes, stdout as data, everything else on stderr."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sgl.hub.download import Hub
from sgl_cli.main import main
from tests.conftest import ROOT
from tests.fake_hub import TOKEN, FakeHub, wait_for

NAME = "karpathy/stories260k"
WEIGHTS = "model.safetensors"


@pytest.fixture(autouse=True)
def _model(hub: FakeHub, stories260k: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add(NAME, stories260k)
    monkeypatch.setattr(Hub.__init__, "__defaults__", ((0.0,) * 4,))


class Ran:
    """What one call of ``sgl`` came to."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self) -> Any:
        return json.loads(self.out)


class Sgl:
    """Runs ``sgl`` in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> Ran:
        code = main(words)
        seen = self._capsys.readouterr()
        assert "Traceback" not in seen.err
        assert TOKEN not in seen.out + seen.err
        return Ran(code, seen.out, seen.err)


@pytest.fixture
def sgl(capsys: pytest.CaptureFixture[str]) -> Sgl:
    return Sgl(capsys)


def process(words: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """Starts ``sgl`` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "sgl_cli", *words],
        cwd=ROOT,
        env={**os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_a_download_prints_its_folder_and_what_to_type_next(sgl: Sgl) -> None:
    ran = sgl("download", NAME)
    assert ran.code == 0
    (line,) = ran.out.splitlines()
    assert (Path(line) / WEIGHTS).is_file()
    first, fits, *_, last = ran.err.splitlines()
    assert first.startswith("karpathy/stories260k: 7 files, 1.0 MiB, to ")
    assert fits.startswith("Fits this machine (CPU")
    assert last == "next: sgl serve -m karpathy/stories260k"
    again = sgl("download", NAME)
    assert again.out == ran.out
    assert "7 files, 1.0 MiB, all there" in again.err


def test_quiet_is_the_path_alone(sgl: Sgl) -> None:
    ran = sgl("download", NAME, "-q")
    assert (ran.code, ran.err) == (0, "")
    assert Path(ran.out.rstrip("\n")).is_dir()


def test_json_tells_what_came(sgl: Sgl, hub: FakeHub) -> None:
    document = sgl("download", NAME, "--json").document
    assert document["repository"] == NAME
    assert (document["revision"], document["commit"]) == ("main", hub.repos[NAME].commit)
    assert Path(document["path"]).name == document["commit"]
    files = {path: content for path, content in hub.repos[NAME].files.items() if path != "README.md"}
    assert document["bytes"] == document["bytes_downloaded"] == sum(map(len, files.values()))
    assert {file["path"]: file["bytes"] for file in document["files"]} == {path: len(files[path]) for path in files}
    assert document["fit"]["verdict"] == "fits"
    again = sgl("download", NAME, "--json").document
    assert again["bytes_downloaded"] == 0
    assert all(file["cached"] for file in again["files"])


def test_a_dry_run_shows_and_writes_nothing(sgl: Sgl, hub: FakeHub, environ: dict[str, str]) -> None:
    ran = sgl("download", NAME, "--dry-run")
    assert ran.code == 0
    assert not Path(environ["HF_HUB_CACHE"]).exists()
    assert not hub.bodies(WEIGHTS)
    lines = ran.out.splitlines()
    assert lines[2].split() == ["FILE", "SIZE", "ON", "DISK"]
    assert any(line.split() == [WEIGHTS, "1.0", "MiB", "no"] for line in lines)
    assert any(line.startswith("to download  1.0 MiB") for line in lines)
    assert any(line.startswith("disk free    ") for line in lines)
    assert lines[-1].startswith("Fits this machine")
    document = sgl("download", NAME, "--dry-run", "--json").document
    assert document["bytes_downloaded"] is None
    assert document["bytes_to_download"] == document["bytes"]
    assert not any(file["cached"] for file in document["files"])


def test_a_dry_run_tells_what_is_there_already(sgl: Sgl, hub: FakeHub) -> None:
    hub.fail(f"stories260k/{WEIGHTS}", cut=500_000, times=1)
    hub.fail(f"stories260k/{WEIGHTS}", status=500)
    assert sgl("download", NAME).code == 1
    hub.faults.clear()
    files = {file["path"]: file for file in sgl("download", NAME, "--dry-run", "--json").document["files"]}
    assert files["config.json"]["cached"]
    assert files[WEIGHTS] == {"path": WEIGHTS, "bytes": 1044992, "cached": False, "partial_bytes": 500_000}
    assert "0.5 MiB of it" in sgl("download", NAME, "--dry-run").out


def test_a_small_disk_ends_a_dry_run_as_it_would_end_a_download(sgl: Sgl, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr("sgl.hub.disk.shutil.disk_usage", lambda path: usage(10**6, 10**6, 1000))
    for words in (["--dry-run"], []):
        ran = sgl("download", NAME, *words)
        assert ran.code == 1
        assert "error: The disk is too small: 1.0 MiB are to be downloaded, 1.0 KiB are free in" in ran.err
    assert sgl("download", NAME, "--dry-run", "--force").code == 0


@pytest.mark.parametrize("where", [[], ["--local-dir", "here"]])
def test_verify_names_damaged_files_and_force_repairs_them(
    sgl: Sgl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path(sgl("download", NAME, *where).out.strip())
    assert sgl("download", NAME, *where, "--verify").code == 0
    for name in (WEIGHTS, "config.json"):
        path = folder / name
        path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    if not where:  # In a plain folder, a changed file is no longer the one that was downloaded: it comes again.
        ran = sgl("download", NAME, "--verify")
        assert (ran.code, ran.out) == (3, "")
        assert f"error: {folder / WEIGHTS} is damaged: its checksum is not the one that the hub lists" in ran.err
        assert f"error: {folder / 'config.json'} is damaged" in ran.err
        assert f"hint: sgl download {NAME} --verify --force fetches them again" in ran.err
        assert sgl("download", NAME, "--verify", "--json").document["damaged"] == ["config.json", WEIGHTS]
    ran = sgl("download", NAME, *where, "--verify", "--force")
    assert ran.code == 0
    assert "Verified: 7 files" in ran.err
    assert sgl("download", NAME, *where, "--verify").code == 0


def test_a_model_that_is_not_served_comes_with_a_warning(sgl: Sgl, hub: FakeHub) -> None:
    config = json.dumps({"architectures": ["MambaForCausalLM"]}).encode()
    hub.add("owner/mamba", {"config.json": config, WEIGHTS: b"1"})
    ran = sgl("download", "owner/mamba")
    assert ran.code == 0
    assert "warning: sgl does not serve MambaForCausalLM yet." in ran.err
    assert "next:" not in ran.err
    assert sgl("download", "owner/mamba", "--dry-run").out.rstrip().endswith("sgl does not serve MambaForCausalLM yet.")


def test_offline_says_where_it_is_or_what_is_missing(sgl: Sgl, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(sgl("download", NAME).out.strip())
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub.requests.clear()
    ran = sgl("download", NAME, "--verify")
    assert (ran.code, ran.out.strip()) == (0, str(folder))
    assert sgl("download", NAME, "--json").document["bytes_downloaded"] == 0
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:-4])
    ran = sgl("download", NAME, "--verify")
    assert (ran.code, ran.out) == (3, "")
    assert f"{path} is damaged: it has 1044988 bytes and its header promises 1044992" in ran.err
    path.unlink()
    ran = sgl("download", NAME)
    assert ran.code == 2
    assert f"only partly in the cache, without {WEIGHTS}, while downloads are off" in ran.err
    ran = sgl("download", "owner/other")
    assert ran.code == 2
    assert "owner/other is not in the cache while downloads are off" in ran.err
    assert not hub.requests


def test_a_gated_repository(sgl: Sgl, hub: FakeHub) -> None:
    hub.repos[NAME].gated = True
    ran = sgl("download", NAME)
    assert ran.code == 2
    assert f"hint: Accept them on {hub.endpoint}/{NAME}, then run: hf auth login" in ran.err


def test_everything_comes_with_all_and_pickles_are_named(sgl: Sgl, hub: FakeHub) -> None:
    hub.repos[NAME].files["pytorch_model.bin"] = b"pickle"
    assert not (Path(sgl("download", NAME).out.strip()) / "pytorch_model.bin").exists()
    ran = sgl("download", NAME, "--all")
    assert (Path(ran.out.strip()) / "pytorch_model.bin").is_file()
    assert "warning: pytorch_model.bin: pickled" in ran.err


def test_wrong_words(sgl: Sgl) -> None:
    assert sgl("download").code == 2
    ran = sgl("download", "stories261k")
    assert ran.code == 2
    assert "'stories261k' is no repository" in ran.err
    ran = sgl("download", NAME, "--quantfile", "x")
    assert ran.code == 2
    assert "--quant-file" in ran.err


def test_ctrl_c_says_so_and_the_next_run_goes_on(hub: FakeHub, sgl: Sgl) -> None:
    hub.fail(f"stories260k/{WEIGHTS}", drip=0.05, times=1)
    running = process(["download", NAME])
    wait_for(lambda: any(request.sent > 100_000 for request in hub.bodies(WEIGHTS)), 30)
    running.send_signal(signal.SIGINT)
    started = time.monotonic()
    out, err = running.communicate(timeout=30)
    assert time.monotonic() - started < 5
    assert (running.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert "the same command goes on from there" in err
    hub.requests.clear()
    document = sgl("download", NAME, "--json").document
    (request,) = hub.bodies(WEIGHTS)
    assert request.start > 100_000
    assert document["bytes_downloaded"] == 1044992 - request.start


def test_a_limit_of_the_file_system_ends_in_one_line(hub: FakeHub, sgl: Sgl) -> None:
    """A real refusal to write: the shell's limit on the length of a file, which ends a write as a full disk does."""
    words = [sys.executable, "-m", "sgl_cli", "download", NAME]
    limited = subprocess.run(
        ["bash", "-c", 'ulimit -f 600; exec "$@"', "bash", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (limited.returncode, limited.stdout) == (1, "")
    assert "error: The disk is full: " in limited.stderr
    assert "Traceback" not in limited.stderr
    hub.requests.clear()
    assert sgl("download", NAME).code == 0
    assert [request.start for request in hub.bodies(WEIGHTS)] == [600 * 1024]


def test_a_person_sees_a_bar_and_gets_the_cursor_back(hub: FakeHub) -> None:
    hub.fail(f"stories260k/{WEIGHTS}", drip=0.02)
    pid, terminal = pty.fork()
    if pid == 0:
        environment = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
        os.execve(sys.executable, [sys.executable, "-m", "sgl_cli", "download", NAME], environment)
    seen = b""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                block = os.read(terminal, 65536)
            except OSError:
                break  # Linux: the other end is closed.
            if not block:
                break
            seen += block
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    text = seen.decode()
    assert os.waitstatus_to_exitcode(status) == 0
    assert " of 1.0 MiB (" in text
    assert "MiB/s, " in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    assert text.rstrip().endswith(f"next: sgl serve -m {NAME}")
