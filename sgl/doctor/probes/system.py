"""`SystemFacts`: the operating system, its limits, and what of it is shared between processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sgl.doctor.machine import Disk, Machine

Container = Literal["", "docker", "podman", "kubernetes", "lxc", "container"]


@dataclass(frozen=True, kw_only=True)
class SystemFacts:
    """The operating system.

    Attributes:
        name: ``Ubuntu 24.04.1 LTS``.
        kernel: ``6.8.0-45-generic``.
        container: What kind of container we are in; empty for none.
        wsl: Whether this is the Windows Subsystem for Linux.
        shm: /dev/shm; None when there is none.
        limits: Soft limits: ``open_files``, ``locked_bytes``, ``processes``; None is unlimited.
        pids_left: Processes that the control group still allows; None without a limit.
    """

    platform: str
    name: str
    kernel: str
    container: Container
    wsl: bool
    shm: Disk | None
    limits: Mapping[str, int | None]
    pids_left: int | None


def probe_system(machine: Machine) -> SystemFacts:
    """Reads a handful of files."""
    kernel = machine.interpreter.kernel
    return SystemFacts(
        platform=machine.interpreter.platform,
        name=_pretty_name(machine.read("/etc/os-release") or ""),
        kernel=kernel,
        container=_container(machine),
        wsl="microsoft" in kernel.lower() or "WSL_DISTRO_NAME" in machine.environ,
        shm=machine.disk("/dev/shm") if machine.exists("/dev/shm") else None,
        limits=machine.limits(),
        pids_left=_pids_left(machine),
    )


def _pretty_name(text: str) -> str:
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME":
            return value.strip().strip("\"'")
    return ""


def _container(machine: Machine) -> Container:
    if "KUBERNETES_SERVICE_HOST" in machine.environ:
        return "kubernetes"
    if machine.exists("/.dockerenv"):
        return "docker"
    if machine.exists("/run/.containerenv"):
        return "podman"
    named = machine.environ.get("container", "")  # systemd's convention.
    if named:
        return "lxc" if "lxc" in named else "container"
    return ""


def _pids_left(machine: Machine) -> int | None:
    for folder in ("/sys/fs/cgroup", "/sys/fs/cgroup/pids"):
        most = (machine.read(f"{folder}/pids.max") or "").strip()
        now = (machine.read(f"{folder}/pids.current") or "").strip()
        if most.isdecimal() and now.isdecimal():
            return int(most) - int(now)
    return None
