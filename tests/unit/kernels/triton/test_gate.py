"""Every kernel compiles for each generation of GPUs, within its limits; all variants: ``benchmarks.kernel_gate``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import triton
import triton.language as tl

from benchmarks.compiled import Compiled, faults
from sgl.kernels.triton.variant import ARCHITECTURES, Variant


def test_every_kernel_compiles_within_its_limits(root: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.kernel_gate", "--each-kernel", "--json"],
        cwd=root,
        env=environ,
        capture_output=True,
        text=True,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["name"], row["capability"], row["faults"]) for row in rows if row["faults"]] == []
    assert done.returncode == 0, done.stderr
    assert {row["capability"] for row in rows} == set(ARCHITECTURES)


@triton.jit
def nothing(out: tl.tensor) -> None:
    tl.store(out, 0)


SOUND = {
    "registers": 40,
    "stack": 0,
    "shared": 1024,
    "wide_loads": 1,
    "tensor_cores": 1,
    "spills": 0,
    "waits": 1,
    "fences": 1,
}


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ({}, ""),
        ({"registers": 65}, "65 registers, not 64 or fewer"),
        ({"spills": 2}, "spills: 0 bytes of stack, 2 loads and stores"),
        ({"stack": 16}, "spills: 16 bytes of stack, 0 loads and stores"),
        ({"shared": 2048}, "2048 bytes of shared memory, not 1024 or fewer"),
        ({"wide_loads": 0}, "no loads of 16 bytes"),
        ({"tensor_cores": 0}, "no products on tensor cores"),
        ({"fences": 0}, "no atomic operation that orders memory for the whole GPU"),
        ({"waits": 0}, "no wait for the kernel in front"),
    ],
)
def test_what_is_beyond_a_limit_is_named(found: dict[str, int], wrong: str) -> None:
    variant = Variant(
        name="nothing",
        kernel=nothing,
        signature={"out": "*i32"},
        registers=64,
        shared=1024,
        dependent=True,
        wide_loads=True,
        tensor_cores=True,
        fences=True,
    )
    assert "; ".join(faults(variant, 90, Compiled(**{**SOUND, **found}))) == wrong
    assert "no wait" not in "; ".join(faults(variant, 89, Compiled(**{**SOUND, **found})))
