"""`TorchFacts`: what torch, triton and flashinfer say about themselves, asked in a process of its own."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from typing import Any, Final, Literal

from sgl.doctor.machine import PYTHON, Machine, Ran
from sgl.doctor.probes.smi import parse_version

TORCH_TIMEOUT: Final = 60.0
"""Seconds; a first import from a slow disk can take half of it."""

_COMMAND: Final = (PYTHON, "-m", "sgl.doctor.torch_probe")

Outcome = Literal["ok", "missing", "error", "crash", "timeout"]


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A package that was imported: its version, or why it could not be; both are empty when it is not installed."""

    version: str = ""
    error: str = ""

    @property
    def installed(self) -> bool:
        """Whether there is such a package at all."""
        return bool(self.version or self.error)


@dataclass(frozen=True, kw_only=True)
class TorchDevice:
    """A GPU as torch sees it."""

    name: str
    capability: tuple[int, int]
    memory_bytes: int
    free_bytes: int


@dataclass(frozen=True, kw_only=True)
class TorchFacts:
    """What came out.

    Attributes:
        outcome: Whether torch could be imported, and if not, how it failed.
        message: The error, or the signal.
        version: ``2.13.0+cu130``.
        cuda: CUDA of the build; None for a CPU build.
        cuda_error: Why CUDA does not start, in its own words.
        arch_list: What the build has code for: ``sm_90``, ``compute_90``.
        without_peer_access: Pairs of GPUs that cannot read each other's memory.
        cpu_capability: ``AVX2``, ``AVX512``, ...: the instructions that torch uses.
        threads: Threads that torch takes by default.
    """

    outcome: Outcome
    message: str = ""
    version: str = ""
    cuda: tuple[int, int] | None = None
    cuda_error: str = ""
    arch_list: tuple[str, ...] = ()
    devices: tuple[TorchDevice, ...] = ()
    without_peer_access: tuple[tuple[int, int], ...] = ()
    nccl: str = ""
    cpu_capability: str = ""
    threads: int = 0
    triton: Imported = Imported()
    flashinfer: Imported = Imported()


def probe_torch(machine: Machine) -> TorchFacts:
    """Runs the child and reads its answer."""
    ran = machine.run(_COMMAND, TORCH_TIMEOUT)
    if ran.problem == "timeout":
        return TorchFacts(outcome="timeout", message=f"no answer in {TORCH_TIMEOUT:.0f} s")
    if ran.status is not None and ran.status < 0:
        return TorchFacts(outcome="crash", message=_signal(-ran.status))
    if not ran.good:
        return TorchFacts(outcome="crash", message=_last_words(ran))
    return _read(ran.stdout)


def _read(text: str) -> TorchFacts:
    lines = [line for line in text.splitlines() if line.startswith("{")]  # Packages print banners on import.
    if not lines:
        return TorchFacts(outcome="crash", message="it ended without an answer")
    answer: dict[str, Any] = json.loads(lines[-1])
    torch = answer.get("torch")
    if torch is None:
        return TorchFacts(outcome="missing")
    if torch["error"]:
        return TorchFacts(outcome="error", message=_one_line(torch["error"]))
    return TorchFacts(
        outcome="ok",
        version=torch["version"],
        cuda=parse_version(torch["cuda"]),
        cuda_error=_one_line(torch["cuda_error"]),
        arch_list=tuple(torch["arch_list"]),
        devices=tuple(_device(device) for device in torch["devices"]),
        without_peer_access=tuple((a, b) for a, b in torch["without_peer_access"]),
        nccl=torch["nccl"],
        cpu_capability=torch["cpu_capability"],
        threads=torch["threads"],
        triton=_imported(answer.get("triton")),
        flashinfer=_imported(answer.get("flashinfer")),
    )


def _device(fields: dict[str, Any]) -> TorchDevice:
    major, minor = fields["capability"]
    return TorchDevice(**{**fields, "capability": (major, minor)})


def _imported(fields: dict[str, str] | None) -> Imported:
    if fields is None:
        return Imported()
    return Imported(version=fields.get("version", ""), error=_one_line(fields["error"]))


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_words(ran: Ran) -> str:
    lines = ran.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit status {ran.status}, without a word"


def _one_line(text: str) -> str:
    return " ".join(text.split())
