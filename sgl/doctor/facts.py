"""`Facts`: everything that the probes found out, and which of them failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sgl.doctor.finding import Finding
from sgl.doctor.probes.cpu import CpuFacts
from sgl.doctor.probes.gpu import GpuFacts
from sgl.doctor.probes.hub import HubFacts
from sgl.doctor.probes.network import NetworkFacts
from sgl.doctor.probes.python import PythonFacts
from sgl.doctor.probes.shell import ShellFacts
from sgl.doctor.probes.system import SystemFacts
from sgl.doctor.probes.torch import TorchFacts


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One attribute for each probe, None when it did not run or failed; ``failures`` says why, by the probe's name."""

    python: PythonFacts | None = None
    torch: TorchFacts | None = None
    gpu: GpuFacts | None = None
    cpu: CpuFacts | None = None
    system: SystemFacts | None = None
    hub: HubFacts | None = None
    network: NetworkFacts | None = None
    shell: ShellFacts | None = None
    kernels: list[Finding] | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
