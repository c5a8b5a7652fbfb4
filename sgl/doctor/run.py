"""`examine`: asks the machine everything at once, and judges in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from sgl.doctor.accelerator import accelerator_of
from sgl.doctor.checks.cpu import check_cpu
from sgl.doctor.checks.gpu import check_gpu
from sgl.doctor.checks.hub import check_hub
from sgl.doctor.checks.network import check_network
from sgl.doctor.checks.python import check_python
from sgl.doctor.checks.shell import check_shell
from sgl.doctor.checks.system import check_system
from sgl.doctor.checks.torch import check_torch, missing_torch
from sgl.doctor.checks.visible import check_visible
from sgl.doctor.facts import Facts
from sgl.doctor.finding import Finding, Group
from sgl.doctor.kernels import RAN_CODE, kernel_findings
from sgl.doctor.kernels import TIMEOUT as KERNEL_TIMEOUT
from sgl.doctor.machine import Interpreter, Machine
from sgl.doctor.parallel import Job, run_all
from sgl.doctor.probes.cpu import probe_cpu
from sgl.doctor.probes.gpu import SMI_TIMEOUT, GpuFacts, probe_gpu
from sgl.doctor.probes.hub import probe_hub
from sgl.doctor.probes.network import probe_network
from sgl.doctor.probes.python import probe_python
from sgl.doctor.probes.shell import probe_shell
from sgl.doctor.probes.system import SystemFacts, probe_system
from sgl.doctor.probes.torch import TORCH_TIMEOUT, probe_torch
from sgl.doctor.subject import Subject

GROUPS: Final[tuple[Group, ...]] = ("python", "gpu", "cpu", "system", "kernels")
"""Groups that concern the machine, in the order of the report."""
DEFAULT_PORT: Final = 30000

_FILES_TIMEOUT: Final = 5.0
"""Seconds for a probe that reads files; more means that a file system hangs."""
_MARGIN: Final = 5.0
_NEEDS: Final[dict[Group, tuple[str, ...]]] = {
    "python": ("torch", "gpu", "python", "system"),
    "gpu": ("torch", "gpu", "python", "system"),
    "cpu": ("cpu",),
    "system": ("gpu", "system", "hub", "network", "shell"),
    "kernels": ("torch", "kernels"),
}
"""The probes behind each group."""
_OWN: Final[dict[Group, tuple[str, ...]]] = {
    "python": ("torch", "python"),
    "gpu": ("gpu",),
    "cpu": ("cpu",),
    "system": ("system", "hub", "network", "shell"),
    "kernels": ("kernels",),
}
"""The probes whose failure is told in a group: each in one."""

Wait = Callable[[list[str]], None]


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is to be looked at.

    Attributes:
        groups: In any order; the report has its own.
        port: The port to try; None is the default one, whose being taken is only a warning.
        tp: GPUs that one model is to be shared among.
        quick: Do not import torch: without it, and without the self-test, the answer takes a moment.
    """

    groups: tuple[Group, ...] = GROUPS
    port: int | None = None
    tp: int = 1
    quick: bool = False


def examine(machine: Machine, wishes: Wishes, on_wait: Wait = lambda names: None) -> list[Finding]:
    """Looks at the machine and returns the findings in the order of the report."""
    facts = gather(machine, wishes, on_wait)
    judges: dict[Group, Callable[[], Iterator[Finding]]] = {
        "python": lambda: _python(facts, wishes),
        "gpu": lambda: _gpu(facts, wishes, machine.environ),
        "cpu": lambda: _cpu(facts, machine.interpreter),
        "system": lambda: _system(facts, wishes),
        "kernels": lambda: _kernels(facts),
    }
    return [finding for group in GROUPS if group in wishes.groups for finding in _judge(group, judges[group], facts)]


def gather(machine: Machine, wishes: Wishes, on_wait: Wait = lambda names: None) -> Facts:
    """Runs the probes that the wanted groups need, all at once."""
    jobs = {
        "torch": Job(partial(probe_torch, machine), TORCH_TIMEOUT + _MARGIN),
        "kernels": Job(partial(kernel_findings, machine), KERNEL_TIMEOUT + _MARGIN),
        "gpu": Job(partial(probe_gpu, machine), 3 * SMI_TIMEOUT + _MARGIN),
        "python": Job(partial(probe_python, machine), _FILES_TIMEOUT),
        "cpu": Job(partial(probe_cpu, machine), _FILES_TIMEOUT),
        "system": Job(partial(probe_system, machine), _FILES_TIMEOUT),
        "hub": Job(partial(probe_hub, machine), _FILES_TIMEOUT),
        "network": Job(partial(probe_network, machine, wishes.port or DEFAULT_PORT), _FILES_TIMEOUT),
        "shell": Job(partial(probe_shell, machine), _FILES_TIMEOUT),
    }
    needed = {name for group in wishes.groups for name in _NEEDS[group]}
    if wishes.quick:
        needed.discard("torch")
    results, failures = run_all({name: job for name, job in jobs.items() if name in needed}, on_wait)
    return Facts(**results, failures=failures)


def _judge(group: Group, judge: Callable[[], Iterator[Finding]], facts: Facts) -> list[Finding]:
    """The findings of a group, and one for each of its probes that failed."""
    code = f"SGL{GROUPS.index(group) + 1}99" if group != "kernels" else RAN_CODE
    broken = [
        Subject(code, group, name).error(f"this could not be looked at: {why}", "sgl doctor --report")
        for name, why in facts.failures.items()
        if name in _OWN[group]
    ]
    return [*judge(), *broken]


def _python(facts: Facts, wishes: Wishes) -> Iterator[Finding]:
    if facts.python is None:
        return
    container = facts.system is not None and bool(facts.system.container)
    yield from check_python(facts.python, container=container)
    gpu = facts.gpu or GpuFacts(smi="missing")
    if facts.torch is not None:
        yield from check_torch(facts.torch, facts.python, gpu)
    elif wishes.quick:
        version = facts.python.version("torch")
        subject = Subject("SGL105", "python", "torch")
        skipped = subject.skip(f"{version}; not imported, because of --quick")
        yield skipped if version else missing_torch(facts.python, gpu)


def _gpu(facts: Facts, wishes: Wishes, environ: Mapping[str, str]) -> Iterator[Finding]:
    if facts.gpu is not None:
        system = facts.system or _unknown_system()
        accelerator = None
        if facts.python is not None and (facts.torch is None or facts.torch.outcome == "ok"):
            accelerator = accelerator_of(facts.gpu, facts.torch, facts.python, environ)
        yield from check_gpu(facts.gpu, facts.torch, system, accelerator)
        yield from check_visible(facts.gpu, facts.torch, wishes.tp)


def _cpu(facts: Facts, interpreter: Interpreter) -> Iterator[Finding]:
    if facts.cpu is not None:
        yield from check_cpu(facts.cpu, interpreter.machine)


def _system(facts: Facts, wishes: Wishes) -> Iterator[Finding]:
    if facts.system is not None:
        gpus = len(facts.gpu.gpus) if facts.gpu is not None else 0
        yield from check_system(facts.system, tp=wishes.tp, gpus=gpus)
    if facts.hub is not None:
        yield from check_hub(facts.hub)
    if facts.network is not None:
        yield from check_network(facts.network, asked=wishes.port is not None)
    if facts.shell is not None:
        yield from check_shell(facts.shell)


def _kernels(facts: Facts) -> Iterator[Finding]:
    if facts.torch is not None and facts.torch.outcome != "ok":
        yield Subject(RAN_CODE, "kernels", "self-test").skip("torch cannot be imported, so nothing can be tested")
    elif facts.kernels is not None:
        yield from facts.kernels


def _unknown_system() -> SystemFacts:
    return SystemFacts(
        platform="linux", name="", kernel="", container="", wsl=False, shm=None, limits={}, pids_left=None
    )
