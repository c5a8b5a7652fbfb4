"""What the machine offers, as plain data, read without torch."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from sgl.cgroup import cpu_quota, memory_limits


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A place to compute.

    Attributes:
        name: ``cpu``.
        cores: Cores this process may run on.
        memory_bytes: Memory of the machine, or of the control group when that is less.
        available_bytes: Memory that can be taken without swapping.
        instructions: CPU feature flags as the kernel names them, e.g. ``avx512_bf16``, ``amx_bf16``.
    """

    name: str
    cores: int
    memory_bytes: int
    available_bytes: int
    instructions: frozenset[str]

    @property
    def fast_bfloat16(self) -> bool:
        """Whether bfloat16 products run in hardware, at least as fast as float32 ones."""
        return bool(self.instructions & {"amx_bf16", "avx512_bf16", "bf16"})


def probe_cpu() -> DeviceInfo:
    """Reads the CPU and memory of this machine, as far as its control group lets this process have them.

    Elsewhere than on Linux it is what Python knows.
    """
    total, available = _memory()
    for group in memory_limits(_read):
        total, available = min(total, group.limit), min(available, group.left)
    return DeviceInfo("cpu", _cores(), total, max(available, 0), _instructions())


def meminfo(text: str) -> dict[str, int]:
    """The sizes in /proc/meminfo, in bytes."""
    fields = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if len(words) == 2 and words[1] == "kB":
            fields[name] = int(words[0]) * 1024
    return fields


def cpu_flags(text: str) -> frozenset[str]:
    """The feature flags of the first CPU in /proc/cpuinfo, of x86 or of Arm."""
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(rest.split())
    return frozenset()


def _cores() -> int:
    """Cores that can be used at once: of the affinity mask, and no more than the time that the group may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota(_read)
    return cores if quota is None else max(1, min(cores, ceil(quota)))


def _memory() -> tuple[int, int]:
    """(total, available) bytes."""
    path = Path("/proc/meminfo")
    if path.is_file():
        fields = meminfo(path.read_text())
        return fields["MemTotal"], fields["MemAvailable"]
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return total, total // 2


def _read(path: str) -> str | None:
    """The text of a file, or None where it cannot be read: not every kernel and container shows all of them."""
    try:
        return Path(path).read_text()
    except OSError:
        return None


def _instructions() -> frozenset[str]:
    path = Path("/proc/cpuinfo")
    flags = cpu_flags(path.read_text()) if path.is_file() else frozenset()
    return flags or frozenset({platform.machine()})
