"""`GpuFacts`: the driver and its GPUs, asked from nvidia-smi."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from sgl.doctor.machine import Machine, Ran
from sgl.doctor.probes.smi import Gpu, SmiReport, parse_smi, parse_version
from sgl.doctor.probes.topology import Topology, parse_topology

SMI_TIMEOUT: Final = 20.0
"""Seconds; without persistence mode the driver first has to wake every GPU."""

_QUERY: Final = ("nvidia-smi", "-q", "-x")
_CAPABILITIES: Final = ("nvidia-smi", "--query-gpu=index,compute_cap", "--format=csv,noheader")
_TOPOLOGY: Final = ("nvidia-smi", "topo", "-m")

_PCI: Final = "/sys/bus/pci/devices"

SmiState = Literal["ok", "missing", "timeout", "failed"]


@dataclass(frozen=True, kw_only=True)
class GpuFacts:
    """What the driver says.

    Attributes:
        smi: Whether nvidia-smi answered.
        message: Why it did not, in its own words.
        driver: Version of the driver; empty when it is not known.
        cuda: The newest CUDA that the driver knows.
        pci_count: NVIDIA GPUs on the PCI bus, with a driver or without.
        device_files: ``nvidia0``, ``nvidiactl``, ... under /dev; ``dxg`` under WSL2.
        visible: CUDA_VISIBLE_DEVICES; None when it is not set.
        container_visible: NVIDIA_VISIBLE_DEVICES, which the container runtime obeys.
    """

    smi: SmiState
    message: str = ""
    driver: str = ""
    cuda: tuple[int, int] | None = None
    gpus: tuple[Gpu, ...] = ()
    topology: Topology | None = None
    pci_count: int = 0
    device_files: tuple[str, ...] = ()
    visible: str | None = None
    container_visible: str | None = None

    @property
    def present(self) -> bool:
        """Whether there is a GPU, or at least a driver that should know one."""
        return bool(self.gpus or self.pci_count) or any(name.startswith("nvidia") for name in self.device_files)


def probe_gpu(machine: Machine) -> GpuFacts:
    """Asks nvidia-smi three questions; a machine without it costs nothing."""
    ran = machine.run(_QUERY, SMI_TIMEOUT)
    state, message, report = _judge(ran)
    gpus = report.gpus
    if gpus:
        gpus = _with_capabilities(gpus, machine.run(_CAPABILITIES, SMI_TIMEOUT))
    topology = machine.run(_TOPOLOGY, SMI_TIMEOUT) if len(gpus) > 1 else None
    names = machine.entries("/dev") or []
    return GpuFacts(
        smi=state,
        message=message,
        driver=report.driver or _kernel_driver(machine.read("/proc/driver/nvidia/version")),
        cuda=report.cuda,
        gpus=gpus,
        topology=parse_topology(topology.stdout) if topology is not None and topology.good else None,
        pci_count=_pci_count(machine),
        device_files=tuple(name for name in names if name.startswith("nvidia") or name == "dxg"),
        visible=machine.environ.get("CUDA_VISIBLE_DEVICES"),
        container_visible=machine.environ.get("NVIDIA_VISIBLE_DEVICES"),
    )


def _judge(ran: Ran) -> tuple[SmiState, str, SmiReport]:
    nothing = SmiReport(driver="", cuda=None, gpus=())
    if ran.problem == "missing":
        return "missing", "", nothing
    if ran.problem == "timeout":
        return "timeout", f"no answer in {SMI_TIMEOUT:.0f} s", nothing
    if not ran.good:
        words = (ran.stdout.strip() or ran.stderr.strip()).splitlines()
        if words and words[0].lower().startswith("no devices"):
            return "ok", "", nothing
        return "failed", words[0] if words else f"it ended with status {ran.status}", nothing
    try:
        return "ok", "", parse_smi(ran.stdout)
    except ValueError as error:
        return "failed", str(error), nothing


def _with_capabilities(gpus: tuple[Gpu, ...], ran: Ran) -> tuple[Gpu, ...]:
    """Adds the compute capabilities, from lines like ``0, 9.0``; an old driver may not know the question."""
    known: dict[str, tuple[int, int] | None] = {}
    for line in ran.stdout.splitlines() if ran.good else ():
        index, _, version = line.partition(",")
        known[index.strip()] = parse_version(version.strip())
    return tuple(replace(gpu, capability=known.get(str(gpu.index))) for gpu in gpus)


def _pci_count(machine: Machine) -> int:
    """Display controllers (class 0x03....) of NVIDIA (vendor 0x10de), from sysfs."""
    count = 0
    for name in machine.entries(_PCI) or ():
        vendor = (machine.read(f"{_PCI}/{name}/vendor") or "").strip()
        count += vendor == "0x10de" and (machine.read(f"{_PCI}/{name}/class") or "").startswith("0x03")
    return count


def _kernel_driver(text: str | None) -> str:
    """The version in /proc/driver/nvidia/version: ``NVRM version: NVIDIA ... Kernel Module  580.95.05  Tue ...``."""
    words = (text or "").partition("\n")[0].split()
    return next((word for word in words if word.count(".") >= 1 and word.replace(".", "").isdecimal()), "")
