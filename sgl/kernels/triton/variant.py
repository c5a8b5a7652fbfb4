"""`Variant`: one way in which a kernel is compiled, and the limits it has to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

FIRST_FP8: Final = 89
"""Compute capability from which a GPU converts and multiplies FP8 (``tl.float8e4nv``)."""
ARCHITECTURES: Final = (80, 89, 90, 100)
"""Compute capabilities that kernels are compiled for: A100, L40S and RTX 4090, H100 and H200, B200."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What `benchmarks.kernel_gate` compiles.

    Attributes:
        name: Kernel and case, for people: ``decode_attention bf16 gqa4 d128``.
        kernel: The function under ``@triton.jit``.
        signature: Type of every argument in order: ``*bf16``, ``*fp8e4nv``, ``*i32``, ``fp32``, ``i32``, ``i64``;
            arguments in ``constants`` are left out.
        constants: Values of constexpr arguments, and of arguments that are None.
        divisible: Whole-number arguments that are multiples of 16, as the launcher would find; pointers always are.
        warps: ``num_warps`` of the launch.
        stages: ``num_stages`` of the launch.
        maxnreg: Of the launch: registers that the compiler has to make do with; None leaves it to the compiler.
        dependent: Launched with programmatic dependent launch, from compute capability 90 on.
        registers: Most registers of a thread.
        shared: Most bytes of shared memory; the smallest GPU of the list gives 99 KiB to a block.
        wide_loads: Its code must load 16 bytes at a time from global memory.
        tensor_cores: Its code must multiply on tensor cores.
        fences: Its code must have an atomic operation that releases and acquires memory for the whole GPU.
        since: Compute capability from which it is compiled.
        before: Compute capability from which another variant takes its place; None is never.
    """

    name: str
    kernel: Any
    signature: Mapping[str, str]
    constants: Mapping[str, object] = field(default_factory=dict)
    divisible: tuple[str, ...] = ()
    warps: int = 4
    stages: int = 3
    maxnreg: int | None = None
    dependent: bool = False
    registers: int = 255
    shared: int = 99 * 1024
    wide_loads: bool = False
    tensor_cores: bool = False
    fences: bool = False
    since: int = 80
    before: int | None = None

    def serves(self, capability: int) -> bool:
        """Whether it is launched on GPUs of this compute capability."""
        return self.since <= capability and (self.before is None or capability < self.before)
