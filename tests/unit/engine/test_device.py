"""What the engine process finds of a GPU, with something in torch's place: no GPU is needed, and none was run."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from sgl.config.engine import EngineConfig
from sgl.engine.device import import_package, probe_accelerator
from sgl.gpu import Package

ANY = EngineConfig(model_path="m")
GIB = 2**30


class Cuda:
    """Stands for `torch.cuda`, with one H200."""

    def __init__(self, count: int = 1, error: str = "") -> None:
        self._count = count
        self._error = error

    def init(self) -> None:
        if self._error:
            raise RuntimeError(self._error)

    def device_count(self) -> int:
        return self._count

    def get_device_properties(self, index: int) -> Any:
        assert index == 0
        return SimpleNamespace(name="NVIDIA H200", major=9, minor=0, multi_processor_count=132)

    def mem_get_info(self, index: int) -> tuple[int, int]:
        return 139 * GIB, 140 * GIB

    def get_arch_list(self) -> list[str]:
        return ["sm_80", "sm_90"]


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a `Cuda` in the place of torch's, of a build for CUDA, and packages that import."""

    def put(cuda: Cuda, launcher: Callable[[], object] = lambda: "sm_90") -> None:
        monkeypatch.setattr(torch, "cuda", cuda)
        monkeypatch.setattr(torch.version, "cuda", "13.0")
        found = {name: ModuleType(name) for name in ("triton", "flashinfer")}
        for name, module in found.items():
            monkeypatch.setattr(module, "__version__", f"1.0.{name}", raising=False)
        driver = SimpleNamespace(active=SimpleNamespace(get_current_target=launcher))
        monkeypatch.setattr(found["triton"], "runtime", SimpleNamespace(driver=driver), raising=False)
        monkeypatch.setattr(importlib, "import_module", found.__getitem__)

    return put


def test_a_gpu(put: Callable[..., None]) -> None:
    put(Cuda())
    found = probe_accelerator(ANY, {})
    gpu = found.usable
    assert gpu is not None
    assert (gpu.name, gpu.capability, gpu.multiprocessors) == ("NVIDIA H200", 90, 132)
    assert (gpu.memory_bytes, gpu.available_bytes) == (140 * GIB, 139 * GIB)
    assert (found.triton.version, found.flashinfer.version) == ("1.0.triton", "1.0.flashinfer")


def test_what_cannot_matter_is_not_imported(put: Callable[..., None]) -> None:
    put(Cuda())
    ours = probe_accelerator(EngineConfig(model_path="m", attention_backend="triton"), {})
    assert (ours.triton.usable, ours.flashinfer.usable) == (True, False)
    cpu = probe_accelerator(EngineConfig(model_path="m", device="cpu"), {})
    assert (cpu.gpu, cpu.triton.usable) == (None, False)


@pytest.mark.parametrize(
    ("error", "said", "remedy"),
    [
        (RuntimeError("Failed to find C compiler.\nand more"), "RuntimeError: Failed to find C compiler.", "gcc"),
        (FileNotFoundError("no cc"), "FileNotFoundError: no cc", "set CC"),
        (PermissionError("/root"), "PermissionError: /root", "TRITON_CACHE_DIR"),
        (AssertionError(), "AssertionError: without a word", "gcc"),
    ],
)
def test_a_gpu_that_triton_cannot_launch_on(put: Callable[..., None], error: Exception, said: str, remedy: str) -> None:
    def launcher() -> None:
        raise error

    put(Cuda(), launcher)
    found = probe_accelerator(ANY, {})
    assert found.usable is None
    assert found.problem == f"triton does not run here: {said}"
    assert remedy in found.remedy
    assert "interpreted" in probe_accelerator(ANY, {"TRITON_INTERPRET": "1"}).problem


def test_no_gpu_and_one_that_does_not_start(put: Callable[..., None]) -> None:
    put(Cuda(count=0))
    assert probe_accelerator(ANY, {}).problem == "there is no CUDA device"
    put(Cuda(error="The NVIDIA driver on your system is too old\nand more"))
    found = probe_accelerator(ANY, {})
    assert found.problem == "CUDA does not start: The NVIDIA driver on your system is too old"


def test_a_build_without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    assert probe_accelerator(ANY, {}).problem == f"torch {torch.__version__} is a build without CUDA"


def test_interpreted_kernels_are_for_who_asks(put: Callable[..., None]) -> None:
    put(Cuda())
    on = {"TRITON_INTERPRET": "1"}
    assert "interpreted on the CPU" in probe_accelerator(ANY, on).problem
    wish = EngineConfig(model_path="m", device="cpu", attention_backend="triton")
    found = probe_accelerator(wish, on)
    assert (found.interpreted, found.triton.usable) == (True, True)


def test_why_a_package_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert import_package("no_such_package_of_ours") == Package()
    assert import_package("json", "no") == Package(importlib.import_module("json").__version__)

    def broken(name: str) -> ModuleType:
        if name == "first":
            raise ModuleNotFoundError("No module named 'other'", name="other")
        raise OSError("libx.so: cannot open\nmore")

    monkeypatch.setattr(importlib, "import_module", broken)
    assert import_package("first").problem == "it needs other, which is not installed"
    assert import_package("second").problem == "OSError: libx.so: cannot open"
