"""`Compiled`: what the compiler made of a kernel for one generation of GPUs, read off its machine code."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from sgl.kernels.triton.variant import Variant

FIRST_DEPENDENT: Final = 90
"""Compute capability from which a kernel can be launched before the one in front of it has ended."""

_WIDE_LOAD: Final = re.compile(r"\b(LDG\.E[.\w]*\.128|LDGSTS[.\w]*\.128|UTMALDG)")
_TENSOR_CORES: Final = re.compile(r"\b(HMMA|IMMA|QMMA|HGMMA|IGMMA|QGMMA|OMMA|UTCHMMA|UTCIMMA|UTCQMMA|DMMA)\b")
_FENCE: Final = re.compile(r"\bMEMBAR\.\w+\.GPU\b.*?\bATOMG[.\w]*\.STRONG\.GPU\b.*?\bCCTL\.IVALL\b", re.DOTALL)
_SPILL: Final = re.compile(r"\b(STL|LDL)\b")
_WAIT: Final = re.compile(r"\bACQBULK\b")


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """Facts of one kernel's code.

    Attributes:
        registers: Of each thread.
        stack: Bytes of each thread's stack and local memory; anything but 0 is a spill.
        shared: Bytes of a block's shared memory.
        wide_loads: Loads of 16 bytes from global memory.
        tensor_cores: Products on tensor cores.
        spills: Loads and stores of local memory.
        fences: Atomic operations behind a fence of memory for the whole GPU and before an invalidation of the L1 cache.
        waits: Waits for the kernel in front (programmatic dependent launch).
    """

    registers: int
    stack: int
    shared: int
    wide_loads: int
    tensor_cores: int
    spills: int
    waits: int
    fences: int


def compile_variant(variant: Variant, capability: int) -> Compiled:
    """Compiles for a GPU that need not be there.

    Raises:
        Exception: Whatever the compiler raises; it says which line it is about.
    """
    kernel = variant.kernel
    names = list(kernel.arg_names)
    dependent = variant.dependent and capability >= FIRST_DEPENDENT
    constants: dict[str, object] = dict(variant.constants)
    if "DEPENDENT" in names:
        constants["DEPENDENT"] = dependent
    aligned = [
        index
        for index, name in enumerate(names)
        if name in variant.divisible or (name not in constants and variant.signature[name].startswith("*"))
    ]
    source = ASTSource(
        fn=kernel,
        signature={name: "constexpr" if name in constants else variant.signature[name] for name in names},
        constexprs=constants,
        attrs={(index,): [["tt.divisibility", 16]] for index in aligned},
    )
    options: dict[str, object] = {"num_warps": variant.warps, "num_stages": variant.stages}
    if variant.maxnreg is not None:
        options["maxnreg"] = variant.maxnreg
    if dependent:
        options["launch_pdl"] = True
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    return read_code(compiled.asm["cubin"], int(compiled.metadata.shared))


def read_code(cubin: bytes, shared: int) -> Compiled:
    """The facts of machine code, whose block uses ``shared`` bytes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kernel.cubin"
        file.write_bytes(cubin)
        usage, code = _tool("cuobjdump", "-res-usage", str(file)), _tool("nvdisasm", "-c", str(file))
    found = re.search(r"REG:(\d+) STACK:(\d+) SHARED:\d+ LOCAL:(\d+)", usage)
    if found is None:
        raise RuntimeError(f"cuobjdump says nothing of resources: {usage[:200]}")
    registers, stack, local = map(int, found.groups())
    return Compiled(
        registers=registers,
        stack=stack + local,
        shared=shared,
        wide_loads=len(_WIDE_LOAD.findall(code)),
        tensor_cores=len(_TENSOR_CORES.findall(code)),
        spills=len(_SPILL.findall(code)),
        waits=len(_WAIT.findall(code)),
        fences=len(_FENCE.findall(code)),
    )


def _tool(name: str, *arguments: str) -> str:
    """Runs one of the CUDA tools that come with Triton."""
    path: Any = getattr(triton.knobs.nvidia, name).path
    return subprocess.run([path, *arguments], check=True, capture_output=True, text=True).stdout


def faults(variant: Variant, capability: int, compiled: Compiled) -> Iterator[str]:
    """What is wrong with the code, in words."""
    if compiled.registers > variant.registers:
        yield f"{compiled.registers} registers, not {variant.registers} or fewer"
    if compiled.stack or compiled.spills:
        yield f"spills: {compiled.stack} bytes of stack, {compiled.spills} loads and stores"
    if compiled.shared > variant.shared:
        yield f"{compiled.shared} bytes of shared memory, not {variant.shared} or fewer"
    if variant.wide_loads and not compiled.wide_loads:
        yield "no loads of 16 bytes"
    if variant.tensor_cores and not compiled.tensor_cores:
        yield "no products on tensor cores"
    if variant.fences and not compiled.fences:
        yield "no atomic operation that orders memory for the whole GPU"
    if variant.dependent and capability >= FIRST_DEPENDENT and not compiled.waits:
        yield "no wait for the kernel in front"
