"""Starts of a real server, and the parts they are measured with."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from sgl.errors import EngineFailure, SglError, UsageError
from sgl.runs.registry import servers
from sgl.runs.server import Server
from sgl.terminal import Terminal
from sgl_cli.bench.engine.first_token import seconds_to_first_token
from sgl_cli.bench.engine.page_cache import drop, weight_files
from sgl_cli.bench.engine.settings import read_settings, with_model
from sgl_cli.bench.engine.startup import StartupOptions, run_startup
from sgl_cli.bench.engine.startup_report import lines


def test_a_server_is_started_measured_and_stopped(stories260k: Path) -> None:
    words = ("--max-total-tokens", "1024")
    settings = read_settings(with_model(str(stories260k), words), os.environ)

    result = run_startup(StartupOptions(settings, words, starts=2, cold=False))

    assert servers(os.environ) == []
    assert [run.cache for run in result.runs] == ["unknown", "warm"]
    for run in result.runs:
        names = [phase.name for phase in run.phases]
        assert names[0] == "command"
        assert names[-1] == "listen"
        assert {"engine", "weights", "warm_up"} <= set(names)
        assert sum(phase.seconds for phase in run.phases) == pytest.approx(run.ready, abs=0.5)
        assert run.first_token > 0
        assert run.next_token > 0
        assert run.memory_bytes is None or run.memory_bytes > 2**20
    shown = "\n".join(lines(result, Terminal(io.StringIO(), {})))
    assert "load weights" in shown
    assert "1: first" in shown
    assert "2: warm" in shown
    assert "not called cold" in shown
    document = json.loads(json.dumps(result.to_json()))
    assert document["flags"] == list(words)
    assert set(document["summary"]) == {"warm_ready", "unknown_ready"}


def test_a_server_that_does_not_start_says_why(stories260k: Path) -> None:
    settings = read_settings(with_model(str(stories260k), []), os.environ)

    with pytest.raises(SglError) as caught:
        run_startup(StartupOptions(settings, ("--max-total-tokens", "1"), starts=1, cold=False))

    assert "--max-total-tokens 1" in caught.value.message
    assert caught.value.exit_code == 2
    assert servers(os.environ) == []


def test_no_start_is_no_measurement(stories260k: Path) -> None:
    settings = read_settings(with_model(str(stories260k), []), os.environ)

    with pytest.raises(UsageError, match="--starts takes"):
        run_startup(StartupOptions(settings, starts=0))


def test_a_file_that_is_let_go_of_is_still_whole(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights" * 100_000)

    assert drop([path]) in (True, False)  # Some file systems live in memory and let go of nothing.
    assert path.read_bytes() == b"weights" * 100_000
    assert weight_files(tmp_path) == [path]


def test_nothing_and_a_missing_file_are_not_let_go_of(tmp_path: Path) -> None:
    assert not drop([])
    assert not drop([tmp_path / "missing.safetensors"])


def test_a_server_that_is_gone_fails_the_first_token() -> None:
    gone = Server(
        id="nova",
        pid=2**22,
        url="http://127.0.0.1:9",
        host="127.0.0.1",
        port=9,
        models=("m",),
        model_path="m",
        version="0",
        started=0.0,
    )

    with pytest.raises(EngineFailure, match="nova did not answer its first request"):
        seconds_to_first_token(gone, {})
