"""`Place`: the memory that one rank's weights and KV cache live in."""

from __future__ import annotations

from dataclasses import dataclass

from sgl.config.devices import DeviceName
from sgl.device import DeviceInfo
from sgl.gpu import GpuInfo

PlaceKind = DeviceName


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A CPU with its memory, or one GPU.

    Attributes:
        kind: ``cpu`` or ``cuda``.
        name: For people, e.g. ``NVIDIA H200`` or ``CPU, 16 cores``.
        memory_bytes: All of its memory (of the control group, where that is less).
        available_bytes: What can be taken now.
        instructions: A CPU's flags as in `DeviceInfo`, which decide how it holds weights; empty is AVX-512.
    """

    kind: PlaceKind
    name: str
    memory_bytes: int
    available_bytes: int
    instructions: frozenset[str] = frozenset()


def cpu_place(device: DeviceInfo) -> Place:
    """The memory of a machine's CPU."""
    return Place(
        kind="cpu",
        name=f"CPU, {device.cores} cores" if device.cores > 1 else "CPU, 1 core",
        memory_bytes=device.memory_bytes,
        available_bytes=device.available_bytes,
        instructions=device.instructions,
    )


def gpu_place(gpu: GpuInfo) -> Place:
    """The memory of a GPU."""
    return Place(kind="cuda", name=gpu.name, memory_bytes=gpu.memory_bytes, available_bytes=gpu.available_bytes)


def place_of(device: DeviceInfo, gpu: GpuInfo | None) -> Place:
    """The memory that is computed in: of the GPU, or where that is None of the CPU."""
    return cpu_place(device) if gpu is None else gpu_place(gpu)
