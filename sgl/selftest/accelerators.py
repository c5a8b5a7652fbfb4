"""What computes on a GPU: tested where there is one that can be used, and the reason where there is not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import torch

from sgl.config.compute import describe
from sgl.config.engine import EngineConfig
from sgl.engine.device import probe_accelerator
from sgl.gpu import Accelerator
from sgl.selftest import model, plain
from sgl.selftest.case import Case, Measured, as_float64, compare
from sgl.selftest.gpu import GPU_CASES, GpuCase

Probe = Callable[[], Accelerator]
ALLOWED: Final = 1e-3
"""Of a float32 product on a GPU, where torch may round the factors to TensorFloat-32."""


def probe() -> Accelerator:
    """What a start with no flags would find."""
    return probe_accelerator(EngineConfig(model_path="."))


def cuda(look: Probe = probe) -> Measured:
    """A product, by torch."""
    gpu, why = _usable(look)
    if gpu is None:
        return Measured("skip", why)
    draw = torch.Generator().manual_seed(1)
    x, weight = torch.randn(64, 256, generator=draw) / 16, torch.randn(48, 256, generator=draw)
    found = compare(
        (x.to(gpu) @ weight.to(gpu).T).cpu(), plain.linear(as_float64(x), as_float64(weight), None), ALLOWED
    )
    return found._replace(detail=f"{why}: {found.detail}")


def flashinfer(look: Probe = probe) -> Measured:
    """FlashInfer's attention: it compiles its kernels when they are first used, which takes minutes."""
    found = look()
    if found.usable is None:
        return Measured("skip", found.problem)
    if not found.flashinfer.usable:
        return Measured("skip", found.flashinfer.problem)
    return Measured("skip", f"{found.flashinfer.version} is installed; it is warmed up, and not tested, by a start")


def triton_cases(look: Probe = probe) -> tuple[Case, ...]:
    """One case for each kernel of ours, and one for a whole model."""
    kernels = (Case(f"Triton, {case.name}", partial(_on_gpu, case, look)) for case in GPU_CASES)
    return (*kernels, Case("Triton, built-in model", partial(_model, look)))


def _on_gpu(case: GpuCase, look: Probe) -> Measured:
    gpu, why = _usable(look)
    return Measured("skip", why) if gpu is None else case.run(gpu)


def _model(look: Probe) -> Measured:
    gpu, why = _usable(look)
    return Measured("skip", why) if gpu is None else model.answer(device="cuda")


def _usable(look: Probe) -> tuple[torch.device | None, str]:
    """The device and its name, or None and why there is none."""
    found = look()
    return (None, found.problem) if found.usable is None else (torch.device("cuda"), describe(found.usable))
