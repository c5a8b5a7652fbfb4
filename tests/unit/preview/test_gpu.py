"""What a preview finds of a GPU without torch: by nvidia-smi and by what is installed."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest

from sgl.preview import gpu as module
from sgl.preview.gpu import QUERY, first_visible, installed, look_for_gpu

SMI: Final = (
    "0, GPU-5f4e, NVIDIA H200, 143771, 143157, 9.0\n1, GPU-77aa, NVIDIA L4, 23034, 22500, 8.9\nNVRM: strange words\n"
)


@pytest.fixture
def cuda_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """torch 2.13 for CUDA 13.0, triton and no flashinfer."""
    (tmp_path / "version.py").write_text("__version__ = '2.13.0+cu130'\ncuda: Optional[str] = '13.0'\nhip = None\n")
    specs = {"torch": SimpleNamespace(origin=str(tmp_path / "__init__.py")), "triton": SimpleNamespace(origin="x")}
    monkeypatch.setattr(module, "find_spec", specs.get)
    monkeypatch.setattr(importlib.metadata, "version", {"torch": "2.13.0", "triton": "3.7.0"}.__getitem__)


def smi(command: Sequence[str]) -> str:
    assert tuple(command) == QUERY
    return SMI


@pytest.mark.usefixtures("cuda_build")
def test_the_first_visible_gpu() -> None:
    found = look_for_gpu({}, smi)
    assert found.usable is not None
    assert (found.usable.name, found.usable.capability) == ("NVIDIA H200", 90)
    assert (found.usable.memory_bytes, found.usable.available_bytes) == (143771 * 2**20, 143157 * 2**20)
    assert (found.triton.version, found.flashinfer.usable) == ("3.7.0", False)
    for visible, name in (
        ("1", "NVIDIA L4"),
        ("1,0", "NVIDIA L4"),
        ("GPU-77", "NVIDIA L4"),
        ("GPU-5f4e", "NVIDIA H200"),
    ):
        other = look_for_gpu({"CUDA_VISIBLE_DEVICES": visible}, smi).usable
        assert other is not None
        assert other.name == name


@pytest.mark.usefixtures("cuda_build")
@pytest.mark.parametrize("visible", ["", "-1", "7", "GPU-none"])
def test_hidden_gpus(visible: str) -> None:
    assert look_for_gpu({"CUDA_VISIBLE_DEVICES": visible}, smi).problem == "there is no CUDA device"


@pytest.mark.usefixtures("cuda_build")
def test_no_nvidia_smi_no_gpu_and_a_start_for_the_cpu() -> None:
    assert look_for_gpu({}, lambda command: "").problem == "there is no CUDA device"
    assert look_for_gpu({}, smi, nvidia=False).gpu is None


@pytest.mark.usefixtures("cuda_build")
def test_interpreted_kernels() -> None:
    assert "TRITON_INTERPRET=1" in look_for_gpu({"TRITON_INTERPRET": "1"}, smi).problem


def test_a_build_without_cuda(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "version.py").write_text("cuda: Optional[str] = None\n")
    monkeypatch.setattr(module, "find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
    found = look_for_gpu({}, smi)
    assert found.gpu is None  # nvidia-smi need not be asked.
    assert found.problem.endswith("is a build without CUDA")


def test_what_is_not_there() -> None:
    assert not installed("no_such_package_of_ours").usable
    assert first_visible([], None) is None


def test_a_program_that_fails_or_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert module._run(QUERY) == ""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho words\nexit 9\n")
    program.chmod(0o755)
    assert module._run(QUERY) == ""
    program.write_text("#!/bin/sh\necho words\n")
    assert module._run(QUERY) == "words\n"
