"""The command itself, as far as it goes without a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.gpu_acceptance import report

ONLY = ("kernel, norms", "kernel, sampling", "ceilings", "G4")


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu_acceptance", *arguments],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_rehearsal_runs_checks_and_measurements_and_writes_nothing(root: Path) -> None:
    before = set(report.RESULTS.iterdir())
    done = run(root, "--rehearse", "--only", *ONLY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 checks ok, 0 failed, 0 skipped; 0 of 1 goals met" in done.stdout
    assert "rehearsal  " in done.stdout
    assert "no figure here says anything about speed" in done.stdout
    for name in ("copy", "product", "G4"):
        assert f"measured {name}" in done.stdout
    assert set(report.RESULTS.iterdir()) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: the command would measure it")
def test_without_a_gpu_it_says_so_and_how_to_rehearse(root: Path) -> None:
    done = run(root)
    assert done.returncode == 3
    assert done.stdout == ""
    assert "there is no GPU to measure: " in done.stderr
    assert "--rehearse" in done.stderr.splitlines()[-1]
