"""`CpuFacts`: cores, instructions and memory, with the limits of the control group (a container's)."""

from __future__ import annotations

from dataclasses import dataclass

from sgl.cgroup import cpu_quota, memory_limits
from sgl.device import cpu_flags, meminfo
from sgl.doctor.machine import Machine


@dataclass(frozen=True, kw_only=True)
class CpuFacts:
    """What there is to compute with, without a GPU.

    Attributes:
        model: As the CPU calls itself.
        cores: Cores of the machine.
        allowed: Cores this process may run on, by its affinity mask.
        quota: Cores' worth of time that the control group grants; None without a limit.
        flags: As the kernel names them, e.g. ``avx512_bf16``.
        memory_bytes: Memory of the machine.
        available_bytes: What can be taken now without swapping, also within the control group.
        group_bytes: The control group's limit; None without one.
        swap_bytes: Swap space, and how much of it is used.
    """

    model: str
    cores: int
    allowed: int
    quota: float | None
    flags: frozenset[str]
    memory_bytes: int
    available_bytes: int
    group_bytes: int | None
    swap_bytes: int
    swap_used_bytes: int

    @property
    def usable_cores(self) -> float:
        """Cores that really can be used at once."""
        return self.allowed if self.quota is None else min(self.allowed, self.quota)

    @property
    def usable_bytes(self) -> int:
        """Memory of the machine, or of the control group where that is less."""
        return self.memory_bytes if self.group_bytes is None else min(self.memory_bytes, self.group_bytes)


def probe_cpu(machine: Machine) -> CpuFacts:
    """Reads /proc and the control groups, of both versions."""
    cpuinfo = machine.read("/proc/cpuinfo") or ""
    memory = meminfo(machine.read("/proc/meminfo") or "")
    limits = memory_limits(machine.read)
    available = min([memory.get("MemAvailable", 0), *(limit.left for limit in limits)])
    cores, allowed = machine.cores()
    return CpuFacts(
        model=_field(cpuinfo, "model name"),
        cores=cores,
        allowed=allowed,
        quota=cpu_quota(machine.read),
        flags=cpu_flags(cpuinfo),
        memory_bytes=memory.get("MemTotal", 0),
        available_bytes=available,
        group_bytes=min((limit.limit for limit in limits), default=None),
        swap_bytes=memory.get("SwapTotal", 0),
        swap_used_bytes=memory.get("SwapTotal", 0) - memory.get("SwapFree", 0),
    )


def _field(text: str, name: str) -> str:
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
