"""``sgl __complete``: the words that only Python can know, fast, quiet, and without the network."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from sgl.runs.registry import register
from sgl.runs.server import Server
from sgl_cli.completion.spec import ASKED
from sgl_cli.main import main

SLOW: Final = {
    *("torch", "transformers", "numpy", "typer", "rich", "textual", "pydantic", "msgspec", "huggingface_hub"),
    *("starlette", "uvicorn", "httpx", "openai", "asyncio", "zmq", "yaml", "ssl", "urllib.request"),
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Hugging Face cache with two models and one that is not complete, and a user without files of his own."""
    cache = tmp_path / "hub"
    for name in ("Qwen--Qwen3-0.6B", "tiny"):
        (cache / f"models--{name}" / "snapshots" / "0123").mkdir(parents=True)
    (cache / "models--half" / "blobs").mkdir(parents=True)
    (cache / "datasets--none").mkdir()
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    return cache


@pytest.fixture
def server(cache: Path) -> Iterator[Server]:
    server = Server(
        id="mila",
        pid=os.getpid(),
        host="127.0.0.1",
        port=30000,
        models=("stories",),
        model_path="m",
        version="0",
        started=1.0,
    )
    with register(server) as registration:
        yield registration.server


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["__complete", *words]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out.splitlines()


def test_models(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [line.split("\t")[0] for line in answer(capsys, "model")] == ["builtin", "Qwen/Qwen3-0.6B", "tiny"]
    assert [line.split("\t")[0] for line in answer(capsys, "cached", "")] == ["Qwen/Qwen3-0.6B", "tiny"]
    assert [line.split("\t")[0] for line in answer(capsys, "model", "Qw")] == ["Qwen/Qwen3-0.6B"]


def test_servers_and_free_ports(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "server") == ["mila\tstories, port 30000"]
    ports = [line.split("\t")[0] for line in answer(capsys, "port")]
    assert "30000" not in ports
    assert "30001" in ports


def test_profiles(cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sgl.toml").write_text("[profiles.small]\nmax-model-len = '4k'\n[profiles.large]\n")
    assert [line.split("\t")[0] for line in answer(capsys, "profile")] == ["small", "large"]


@pytest.mark.parametrize("words", [[], ["nothing"], ["model", "zzz"], ["server"], ["profile"], ["file", "x"]])
def test_nothing_to_offer_is_no_error(words: list[str], cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, *words) == []


def test_a_damaged_file_prints_nothing(cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sgl.toml").write_text("[profiles\n")
    assert answer(capsys, "profile") == []


def test_names_that_would_break_a_line_are_left_out(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cache / "models--a\nb\x1b[31m" / "snapshots" / "0123").mkdir(parents=True)
    assert [line.split("\t")[0] for line in answer(capsys, "cached")] == ["Qwen/Qwen3-0.6B", "tiny"]


@pytest.mark.parametrize("kind", ASKED)
def test_nothing_slow_is_imported(kind: str, server: Server) -> None:
    program = "import sys\nfrom sgl_cli.main import main\nmain(['__complete', sys.argv[1]])\nprint(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", program, kind], capture_output=True, text=True, timeout=60)
    assert finished.returncode == 0
    assert not SLOW & set(finished.stdout.splitlines()[-1].split())


@pytest.mark.alone
def test_an_answer_takes_a_tenth_of_a_second(cache: Path, scaled_seconds: float) -> None:
    def once() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "sgl_cli", "__complete", "model"], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    assert min(once() for _ in range(5)) < 0.1 * scaled_seconds
