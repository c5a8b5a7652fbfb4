"""What an "auto" is on a CPU and on a GPU, with the reason. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from sgl.config.layout.count import parameter_count
from sgl.config.model import ModelConfig
from sgl.config.sizes import gib
from sgl.device import DeviceInfo
from sgl.gpu import GpuInfo

PAGE_SIZE: Final = 16
CPU_CHUNK: Final = 512
CPU_RUNNING: Final = 64
CPU_MEMORY_FRACTION: Final = 0.5
"""Share of the machine's memory for weights and KV pool on a CPU, where other programs live too."""
ONE_THREAD_BELOW: Final = 4_000_000
"""Parameters under which a second thread costs more in barriers than it computes."""
GPU_CHUNK: Final = 8192
"""SGLang's default for an H200; matrix products are at full speed from some 1024 rows."""
SMALL_GPU_CHUNK: Final = 2048
SMALL_GPU: Final = 40 * 2**30
"""Memory below which a step of 8192 tokens takes too much of it."""
GPU_RUNNING: Final = 256
GPU_MEMORY_FRACTION: Final = 0.88
"""Share of a GPU for weights and KV pool: between vLLM's 0.9, which counts a step's tensors in, and SGLang's, which
is some 0.85 on large GPUs."""


class Default(NamedTuple):
    """A value, and why it is that."""

    value: int
    because: str


class Defaults(NamedTuple):
    """One for each setting that depends on the device; ``fraction`` has its reason beside it."""

    running: Default
    chunk: Default
    threads: Default
    fraction: float
    fraction_because: str


def defaults_of(model: ModelConfig, device: DeviceInfo, gpu: GpuInfo | None) -> Defaults:
    """The defaults of a GPU, or where that is None of the CPU."""
    return _of_cpu(model, device) if gpu is None else _of_gpu(gpu)


def _of_cpu(model: ModelConfig, device: DeviceInfo) -> Defaults:
    small = parameter_count(model) < ONE_THREAD_BELOW and device.cores > 1
    return Defaults(
        running=Default(CPU_RUNNING, "a CPU gains nothing from larger batches"),
        chunk=Default(CPU_CHUNK, "a CPU's matrix products are at full speed from there"),
        threads=Default(1, "the model is too small to share out")
        if small
        else Default(device.cores, "it is every core"),
        fraction=CPU_MEMORY_FRACTION,
        fraction_because="the other half of the memory is for other programs",
    )


def _of_gpu(gpu: GpuInfo) -> Defaults:
    small = gpu.memory_bytes < SMALL_GPU
    chunk = (
        Default(SMALL_GPU_CHUNK, f"larger steps take too much of {gib(gpu.memory_bytes)}")
        if small
        else Default(GPU_CHUNK, "a GPU's matrix products are at full speed there")
    )
    return Defaults(
        running=Default(GPU_RUNNING, "one step for many costs a GPU little more than one for few"),
        chunk=chunk,
        threads=Default(1, "the GPU computes, and one thread feeds it"),
        fraction=GPU_MEMORY_FRACTION,
        fraction_because="the rest is for a step's tensors, CUDA and its graphs",
    )
