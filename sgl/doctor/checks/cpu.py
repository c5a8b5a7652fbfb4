"""The CPU: cores, instructions, memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sgl.config.sizes import gib
from sgl.device import DeviceInfo
from sgl.doctor.finding import Finding
from sgl.doctor.probes.cpu import CpuFacts
from sgl.doctor.subject import Subject

FEW_BYTES: Final = 2 * 2**30
"""Memory below which hardly any model can be served: Python, torch and the server take about half of it."""
SWAPPING: Final = 0.25
"""Share of the swap space in use from which on the machine is probably swapping."""

_CORES: Final = Subject("SGL301", "cpu", "cores")
_INSTRUCTIONS: Final = Subject("SGL302", "cpu", "instructions")
_MEMORY: Final = Subject("SGL303", "cpu", "memory")
_SWAP: Final = Subject("SGL304", "cpu", "swap")
_BIGGEST: Final = "ps aux --sort=-rss | head"


def check_cpu(facts: CpuFacts, machine: str) -> Iterator[Finding]:
    """Everything about a CPU; ``machine`` is its architecture, e.g. ``x86_64``."""
    yield _cores(facts)
    yield _instructions(facts, machine)
    yield _memory(facts)
    if facts.swap_bytes and facts.swap_used_bytes > SWAPPING * facts.swap_bytes:
        used = f"{gib(facts.swap_used_bytes)} of {gib(facts.swap_bytes)}"
        yield _SWAP.warn(f"{used} in use: the machine is short of memory", _BIGGEST, used_bytes=facts.swap_used_bytes)


def _cores(facts: CpuFacts) -> Finding:
    data = {"cores": facts.cores, "allowed": facts.allowed, "quota": facts.quota}
    if facts.quota is not None and facts.quota < facts.allowed:
        threads = max(int(facts.quota), 1)
        detail = f"the control group grants {facts.quota:g} of {facts.allowed} cores: more threads only wait"
        return _CORES.warn(detail, f"sgl serve --threads {threads}", **data)
    if facts.usable_cores < 2:
        return _CORES.warn("only one core: the server and the engine share it", "docker update --cpus 4 NAME", **data)
    of = f" of {facts.cores}, by the affinity mask" if facts.allowed < facts.cores else ""
    name = f", {facts.model}" if facts.model else ""
    return _CORES.ok(f"{facts.allowed}{of}{name}", **data)


def _instructions(facts: CpuFacts, machine: str) -> Finding:
    device = DeviceInfo("cpu", facts.allowed, facts.usable_bytes, facts.available_bytes, facts.flags)
    known = {"amx_bf16": "AMX", "avx512_bf16": "AVX-512 BF16", "avx512f": "AVX-512", "avx2": "AVX2", "asimd": "NEON"}
    present = [words for flag, words in known.items() if flag in facts.flags]
    if not facts.flags:
        return _INSTRUCTIONS.skip("this system does not say which the CPU has")
    if machine == "x86_64" and "avx2" not in facts.flags:
        return _INSTRUCTIONS.warn("the CPU has no AVX2: everything is very slow", "lscpu | grep -i flags")
    kind = "bfloat16 in hardware" if device.fast_bfloat16 else "no bfloat16 in hardware: float32 is computed"
    return _INSTRUCTIONS.ok(f"{', '.join(present)}; {kind}", instructions=present)


def _memory(facts: CpuFacts) -> Finding:
    data = {
        "memory_bytes": facts.memory_bytes,
        "available_bytes": facts.available_bytes,
        "group_bytes": facts.group_bytes,
    }
    limited = facts.group_bytes is not None and facts.group_bytes < facts.memory_bytes
    whose = f" that the control group allows (the machine has {gib(facts.memory_bytes)})" if limited else ""
    detail = f"{gib(facts.available_bytes)} free of {gib(facts.usable_bytes)}{whose}"
    if facts.available_bytes < FEW_BYTES:
        remedy = "docker update --memory 16g --memory-swap 16g NAME" if limited else _BIGGEST
        return _MEMORY.error(f"{detail}: too little for a model", remedy, **data)
    return _MEMORY.ok(detail, **data)
