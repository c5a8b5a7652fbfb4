"""The engine on a pretended GPU: a few of ``python -m benchmarks.pretended_gpu``, and that faults are found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.pretended_gpu.cases import CASES


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a module in a process whose kernels are not interpreted."""
    environ = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    return subprocess.run([sys.executable, "-m", *arguments], cwd=root, env=environ, capture_output=True, text=True)


@pytest.mark.slow
def test_an_engine_starts_and_serves_without_a_fault(root: Path) -> None:
    # Steps of the second one overlap; with guesses they never do.
    engines = ["llama drafts", "gpt-oss"]
    done = run(root, "benchmarks.pretended_gpu", *engines, "--brief", "--arch", "90", "--compile", "lay_out", "--json")
    rows: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["name"]: row["faults"] for row in rows} == {name: [] for name in engines}, done.stderr
    assert done.returncode == 0
    for row in rows:
        assert row["late"] == 0
        assert row["steady"] > 0, "in which one block is sent and nothing else"
        assert row["compiled"] == 4, "one each of the kernels of lay_out"
        assert (row["drafts"] > 0) == ("drafts" in row["name"])
        # What is captured is launched thrice for each size; everything else goes kernel by kernel.
        assert row["launches"] > row["start"] > 20


@pytest.fixture(scope="module")
def found(root: Path) -> dict[str, list[str]]:
    """What was found in each of `faulty`'s functions."""
    done = run(root, "tests.unit.benchmarks.pretended_gpu.faulty")
    assert done.returncode == 0, done.stderr
    result: dict[str, list[str]] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("sound", []),
        ("tensor_of_the_host", ["is given a tensor on the cpu, [64]"]),
        ("mixed", ["meets a tensor of the CPU, [2], on the device"]),
        ("looked_at", ["a number of the device that is looked at", "a copy to the host that is waited for"]),
        ("masked", ["needs numbers of the device on the host"]),
        ("indexed_by_the_host", ["copies its indices to the device"]),
        ("uploaded", ["copy of 2 numbers", "copy of 3 numbers", "copy of 4 numbers", "synchronize"]),
        ("compiled_late", ["3 times while requests wait, of 4: x: ('*i32', 'D') | ('*i32', '')"]),
        ("compiled_in_a_capture", ["is compiled while a CUDA graph is captured"]),
        ("many_programs", ["is launched with a grid of (1, 65536)"]),
        ("does_not_compile", ["arange's range must be a power of 2"]),
    ],
)
def test_a_fault_is_found(found: dict[str, list[str]], what: str, told: list[str]) -> None:
    assert len(found[what]) == len(told)
    for said, expected in zip(found[what], told, strict=True):
        assert expected in said


def test_cases_have_names_of_their_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
