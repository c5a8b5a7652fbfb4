"""Whether a GPU can be used: the first thing that is missing is told, with what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from sgl.gpu import Accelerator, GpuInfo, Package, Torch, assess, is_interpreted

GPU: Final = GpuInfo(name="NVIDIA H200", memory_bytes=140 << 30, available_bytes=139 << 30, capability=90)
TORCH: Final = Torch(version="2.13.0+cu130", cuda="13.0", codes=("sm_80", "sm_90"))
TRITON: Final = Package("3.6.0")
NOTHING: Final = Package()


def test_all_that_is_needed() -> None:
    found = assess(TORCH, GPU, TRITON, NOTHING)
    assert (found.problem, found.remedy) == ("", "")
    assert found.usable == GPU


@pytest.mark.parametrize(
    ("found", "problem", "remedy"),
    [
        (assess(Torch(version="2.13.0+cpu", cuda=""), None, TRITON, NOTHING), "a build without CUDA", "cu130"),
        (assess(replace(TORCH, error="driver too old"), None, TRITON, NOTHING), "driver too old", "sgl doctor"),
        (assess(TORCH, None, TRITON, NOTHING), "there is no CUDA device", "sgl doctor"),
        (assess(TORCH, replace(GPU, capability=75), TRITON, NOTHING), "sm_75, and kernels", "--device cpu"),
        (assess(TORCH, replace(GPU, capability=120), TRITON, NOTHING), "no code for sm_120", "cu130"),
        (assess(TORCH, GPU, TRITON, NOTHING, interpreted=True), "TRITON_INTERPRET=1", "unset TRITON_INTERPRET"),
        (assess(TORCH, GPU, NOTHING, NOTHING), "triton cannot be imported: it is not installed", "pip install triton"),
        (assess(TORCH, GPU, Package(problem="ImportError: libx"), NOTHING), "ImportError: libx", "triton"),
    ],
)
def test_what_is_missing(found: Accelerator, problem: str, remedy: str) -> None:
    assert problem in found.problem
    assert remedy in found.remedy
    assert "\n" not in found.problem + found.remedy
    assert found.usable is None


def test_an_unknown_generation_is_believed() -> None:
    assert assess(TORCH, replace(GPU, capability=0), TRITON, NOTHING).usable is not None


@pytest.mark.parametrize(("value", "yes"), [("1", True), ("true", True), ("0", False), ("", False), (None, False)])
def test_triton_interprets(value: str | None, yes: bool) -> None:
    assert is_interpreted({} if value is None else {"TRITON_INTERPRET": value}) is yes
