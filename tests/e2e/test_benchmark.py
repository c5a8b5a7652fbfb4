"""The benchmark's command as a user runs it, on the small model and without peers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.compare import main


@pytest.mark.slow
def test_a_quick_comparison_prints_tables_and_writes_results(
    stories260k: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "results.json"
    words = ["--engines", "tiny", "--rounds", "1", "--quick", "--tiny-model", str(stories260k), "--out", str(target)]

    assert main(words) == 0

    shown = capsys.readouterr().out
    assert "sgl, stories260k, deterministic" in shown
    assert "not measured  16 at once: at least 1.3x llama-server bf16" in shown
    results = json.loads(target.read_text())
    assert results["not_measured"] == {}
    assert {each["engine"] for each in results["rounds"]} == set(results["commands"])
    assert all(len(each["answers"]) == 16 for each in results["rounds"])
    assert str(stories260k.parent) not in target.read_text()


def test_a_model_that_is_not_there_is_named_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--engines", "tiny", "--tiny-model", str(tmp_path / "nowhere")]) == 1

    assert "sgl, stories260k: no folder nowhere" in capsys.readouterr().out
