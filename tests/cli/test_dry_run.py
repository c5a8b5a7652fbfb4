"""``sgl serve --dry-run`` as a process: what is printed where, how it ends, and how long it takes."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sgl.preview.document import SCHEMA_VERSION

MOST_CPU_SECONDS = 1.0
PROGRAMS = {
    "sgl": ["-c", "import sys\nfrom sgl_cli.main import main\nsys.exit(main())", "serve"],
    "launcher": ["-m", "sgl.launcher"],
}


def dry_run(
    *words: str, folder: Path | None = None, program: str = "sgl", **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *PROGRAMS[program], "--dry-run", *words],
        cwd=folder,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def document(finished: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(finished.stdout)
    assert read["schema_version"] == SCHEMA_VERSION
    return read


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_prints_settings_and_plan_and_starts_nothing(program: str, stories260k: Path, tmp_path: Path) -> None:
    finished = dry_run("-m", str(stories260k), "--tp", "1", program=program, folder=tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")
    lines = [line.split() for line in finished.stdout.splitlines()]
    assert ["--tp", "1", "--tp"] in lines
    assert ["--max-model-len", "512", "default"] in lines
    assert any(line[-2:] == ["at", "once"] for line in lines if line)
    assert list(tmp_path.iterdir()) == []


def test_every_source_shows_as_origin(stories260k: Path, tmp_path: Path) -> None:
    (tmp_path / "sgl.toml").write_text(f"model = '{stories260k}'\nthreads = 1\n[profiles.small]\npage-size = 8")
    (tmp_path / "more.yaml").write_text("port: 8000\nmax-running-requests: 4")
    finished = dry_run(
        "--json", "--config", "more.yaml", "--profile", "small", "--seed=7", folder=tmp_path, SGL_HOST="::1"
    )
    assert finished.returncode == 0
    assert finished.stderr == "note: ./sgl.toml is used: model, threads\n"
    read = document(finished)
    assert read["starts"] is True
    assert read["notices"] == ["./sgl.toml is used: model, threads"]
    origins = {key: setting["origin"] for key, setting in read["settings"].items() if setting["origin"] != "default"}
    assert origins == {
        "model": "sgl.toml",
        "threads": "sgl.toml",
        "page-size": "profile small in sgl.toml",
        "port": "more.yaml",
        "max-running-requests": "more.yaml",
        "seed": "--seed",
        "host": "SGL_HOST",
        "config": "--config",
        "profile": "--profile",
        "dry-run": "--dry-run",
        "json": "--json",
    }


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["--tp", "2"], 2, "error: --tp 2 is not in this version"),
        (["--max-model-len", "8K"], 2, "error: --max-model-len 8192 is beyond the 512 positions this model has"),
        (["--max-total-tokens", "1T"], 1, "error: --max-total-tokens 1099511627776 needs "),
    ],
)
def test_a_start_that_would_fail_ends_as_it_would_and_is_shown(
    words: list[str], code: int, error: str, stories260k: Path
) -> None:
    finished = dry_run("-m", str(stories260k), *words)
    assert finished.returncode == code
    assert finished.stderr.startswith(error)
    assert "Memory of " in finished.stdout
    finished = dry_run("-m", str(stories260k), "--json", *words)
    assert finished.returncode == code
    assert document(finished)["problems"][0]["exit_code"] == code


def test_a_model_that_is_not_there() -> None:
    finished = dry_run("-m", "no/such-model")
    assert finished.returncode == 2
    assert finished.stderr.startswith("error: ")
    assert "no/such-model" in finished.stderr
    assert "  --port " in finished.stdout


def test_what_cannot_be_understood_prints_nothing() -> None:
    finished = dry_run("--prot", "1")
    assert (finished.returncode, finished.stdout) == (2, "")


def test_a_reader_that_has_gone_is_no_error(stories260k: Path) -> None:
    command = [sys.executable, *PROGRAMS["sgl"], "--dry-run", "-m", str(stories260k)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(60)


def test_it_takes_less_than_a_second(stories260k: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert dry_run("-m", str(stories260k), "--json").returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < MOST_CPU_SECONDS


def test_plain_streams_get_plain_text(stories260k: Path) -> None:
    finished = dry_run("-m", str(stories260k), PYTHONIOENCODING="ascii")
    assert finished.stdout.isascii()
    assert "\x1b" not in finished.stdout
    assert "\x1b" in dry_run("-m", str(stories260k), FORCE_COLOR="1").stdout
