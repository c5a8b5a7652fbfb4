"""The operating system: shared memory and limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sgl.config.sizes import gib
from sgl.doctor.finding import Finding
from sgl.doctor.probes.system import SystemFacts
from sgl.doctor.subject import Subject

NCCL_SHM_BYTES: Final = 2**30
"""What NCCL's documentation asks for in /dev/shm, for processes that share GPUs."""
LEAST_SHM_BYTES: Final = 16 * 2**20
FEW_FILES: Final = 1024
MANY_FILES: Final = 65536
FEW_PROCESSES: Final = 1024
FEW_LOCKED_BYTES: Final = 2**26

_SYSTEM: Final = Subject("SGL417", "system", "system")
_SHM: Final = Subject("SGL401", "system", "/dev/shm")
_FILES: Final = Subject("SGL402", "system", "open files")
_LOCKED: Final = Subject("SGL403", "system", "locked memory")
_PROCESSES: Final = Subject("SGL404", "system", "processes")
_CONTAINERS: Final = {
    "docker": "in a Docker container",
    "podman": "in a Podman container",
    "kubernetes": "in a pod of Kubernetes",
    "lxc": "in an LXC container",
    "container": "in a container",
}


def check_system(facts: SystemFacts, *, tp: int, gpus: int) -> Iterator[Finding]:
    """Limits, against one server with ``--tp`` ranks."""
    yield _system(facts)
    yield _shm(facts, tp, gpus)
    yield _files(facts)
    if tp > 1 and gpus:
        yield _locked(facts)
    yield _processes(facts)


def _system(facts: SystemFacts) -> Finding:
    where = ", ".join(filter(None, [_CONTAINERS.get(facts.container, ""), "under WSL2" if facts.wsl else ""]))
    detail = ", ".join(filter(None, [facts.name or facts.platform, f"kernel {facts.kernel}", where]))
    if facts.platform != "linux":
        return _SYSTEM.warn(f"{detail}: sgl is made for Linux", "docker run -it python:3.12 bash")
    return _SYSTEM.ok(detail, container=facts.container, wsl=facts.wsl)


def _shm(facts: SystemFacts, tp: int, gpus: int) -> Finding:
    remedy = "docker run --shm-size=8g IMAGE" if facts.container else "sudo mount -o remount,size=8G /dev/shm"
    if facts.shm is None:
        if facts.platform != "linux":
            return _SHM.skip("this system has none")
        return _SHM.error("there is none", "sudo mount -t tmpfs tmpfs /dev/shm")
    size = f"{gib(facts.shm.free)} free of {gib(facts.shm.total)}"
    data = {"total_bytes": facts.shm.total, "free_bytes": facts.shm.free}
    if facts.shm.free < LEAST_SHM_BYTES:
        return _SHM.error(f"{size}: full", "ls -lhS /dev/shm", **data)
    several = tp > 1 or gpus > 1
    if several and facts.shm.total < NCCL_SHM_BYTES:
        whom = f"--tp {tp} wants" if tp > 1 else "several GPUs want"
        return _SHM.warn(f"{size}; {whom} at least {gib(NCCL_SHM_BYTES)}", remedy, **data)
    return _SHM.ok(size, **data)


def _files(facts: SystemFacts) -> Finding:
    limit = facts.limits.get("open_files")
    if limit is None:
        return _FILES.ok("unlimited")
    if limit < FEW_FILES:
        detail = f"at most {limit}, so fewer than {limit} clients at once"
        return _FILES.warn(detail, f"ulimit -n {MANY_FILES}", limit=limit)
    return _FILES.ok(f"at most {limit}", limit=limit)


def _locked(facts: SystemFacts) -> Finding:
    limit = facts.limits.get("locked_bytes")
    if limit is None:
        return _LOCKED.ok("unlimited")
    if limit < FEW_LOCKED_BYTES:
        return _LOCKED.warn(
            f"at most {gib(limit)}: transfers between GPUs may fail", "ulimit -l unlimited", limit=limit
        )
    return _LOCKED.ok(f"at most {gib(limit)}", limit=limit)


def _processes(facts: SystemFacts) -> Finding:
    limit = facts.limits.get("processes")
    left = facts.pids_left
    data = {"limit": limit, "left_in_group": left}
    if left is not None and left < FEW_PROCESSES // 4:
        detail = f"the control group allows {left} more: threads will not start"
        return _PROCESSES.warn(detail, "docker update --pids-limit 4096 NAME", **data)
    if limit is not None and limit < FEW_PROCESSES:
        return _PROCESSES.warn(f"at most {limit}, threads included", "ulimit -u 65536", **data)
    return _PROCESSES.ok("unlimited" if limit is None else f"at most {limit}", **data)
