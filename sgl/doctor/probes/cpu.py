"""`CpuFacts`: cores, instructions and memory, with the limits of the control group (a container's)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from sgl.device import cpu_flags, meminfo
from sgl.doctor.machine import Machine

_GROUPS: Final = PurePosixPath("/sys/fs/cgroup")
_NO_LIMIT: Final = 2**60
"""Version 1 of control groups writes a huge number for "no limit"."""


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
    folders = _memory_folders(machine)
    limits = [
        (limit, _number(machine, folder, "memory.current", "memory.usage_in_bytes") or 0)
        for folder in folders
        if (limit := _number(machine, folder, "memory.max", "memory.limit_in_bytes")) is not None and limit < _NO_LIMIT
    ]
    available = min([memory.get("MemAvailable", 0), *(max(limit - used, 0) for limit, used in limits)])
    cores, allowed = machine.cores()
    return CpuFacts(
        model=_field(cpuinfo, "model name"),
        cores=cores,
        allowed=allowed,
        quota=_quota(machine),
        flags=cpu_flags(cpuinfo),
        memory_bytes=memory.get("MemTotal", 0),
        available_bytes=available,
        group_bytes=min((limit for limit, _ in limits), default=None),
        swap_bytes=memory.get("SwapTotal", 0),
        swap_used_bytes=memory.get("SwapTotal", 0) - memory.get("SwapFree", 0),
    )


def _memory_folders(machine: Machine) -> list[str]:
    """The control group of this process and its parents, which limit it, too."""
    return [*_group_folders(machine, "memory", _GROUPS / "memory"), *_group_folders(machine, "", _GROUPS)]


def _group_folders(machine: Machine, controller: str, root: PurePosixPath) -> list[str]:
    """Folders of a controller of version 1, or, for an empty name, of version 2."""
    group = PurePosixPath("/")
    for line in (machine.read("/proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(",") and path.startswith("/"):
            group = PurePosixPath(path)
    places = (group, *group.parents)
    return [str(root.joinpath(*place.parts[1:])) for place in places]


def _quota(machine: Machine) -> float | None:
    quotas: list[float] = []
    for folder in _group_folders(machine, "", _GROUPS):
        words = (machine.read(f"{folder}/cpu.max") or "").split()
        if len(words) == 2 and words[0].isdecimal():
            quotas.append(int(words[0]) / int(words[1]))
    for folder in _group_folders(machine, "cpu", _GROUPS / "cpu"):
        quota = (machine.read(f"{folder}/cpu.cfs_quota_us") or "").strip()
        period = (machine.read(f"{folder}/cpu.cfs_period_us") or "").strip()
        if quota.isdecimal() and period.isdecimal():  # "-1" is no limit.
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def _number(machine: Machine, folder: str, *names: str) -> int | None:
    for name in names:
        text = (machine.read(f"{folder}/{name}") or "").strip()
        if text.isdecimal():
            return int(text)
    return None


def _field(text: str, name: str) -> str:
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
