"""The cases for GPUs: under Triton's interpreter each kernel equals its twin, and a wrong one is an error."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sgl.gpu import Accelerator, GpuInfo, Package
from sgl.selftest import accelerators
from sgl.selftest.gpu import GPU_CASES, GpuCase

CPU = torch.device("cpu")
GPU = GpuInfo(name="NVIDIA H200", memory_bytes=1, available_bytes=1, capability=90)


@pytest.mark.parametrize("case", GPU_CASES, ids=lambda case: case.name)
def test_every_kernel_equals_its_twin_under_the_interpreter(case: GpuCase) -> None:
    found = case.run(CPU)
    assert (found.status, found.detail) == ("ok", found.detail)


def test_a_wrong_kernel_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from sgl.kernels.triton import argmax, norm

    def halved(x: Tensor, *others: object) -> Tensor:
        return x * 0.5

    monkeypatch.setattr(norm, "rms_norm", halved)
    monkeypatch.setattr(argmax, "greedy", lambda logits: (logits.argmin(-1), None))
    wrong = {case.name: case.run(CPU).status for case in GPU_CASES if case.name in ("norm", "greedy")}
    assert wrong == {"norm": "error", "greedy": "error"}


def test_without_a_gpu_the_reason_is_told() -> None:
    def none() -> Accelerator:
        return Accelerator(problem="torch 2.13.0+cpu is a build without CUDA")

    cases = accelerators.triton_cases(none)
    assert [case.name for case in cases] == [*(f"Triton, {case.name}" for case in GPU_CASES), "Triton, built-in model"]
    found = [accelerators.cuda(none), accelerators.flashinfer(none), *(case.run() for case in cases)]
    assert {(each.status, each.detail) for each in found} == {("skip", "torch 2.13.0+cpu is a build without CUDA")}


def test_flashinfer_where_there_is_a_gpu() -> None:
    def look(flashinfer: Package) -> Accelerator:
        return Accelerator(gpu=GPU, problem="", remedy="", triton=Package("3.6.0"), flashinfer=flashinfer)

    assert accelerators.flashinfer(lambda: look(Package())).detail == "it is not installed"
    assert accelerators.flashinfer(lambda: look(Package("0.6.6"))).detail.startswith("0.6.6 is installed")
