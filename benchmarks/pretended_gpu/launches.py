"""Launches of Triton's kernels, as far as they go without a GPU: bound, specialised, looked at, not run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction, compute_cache_key

from benchmarks.compiled import Compiled, read_code
from benchmarks.pretended_gpu.ledger import Launch, Ledger, lines

MOST_PROGRAMS: Final = (2**31 - 1, 65535, 65535)
"""Of a grid's dimensions (CUDA C++ Programming Guide, "Technical Specifications per Compute Capability")."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """What Triton's launcher wants to know of a tensor: its type, and how its first number is aligned."""

    dtype: torch.dtype
    address: int

    def data_ptr(self) -> int:
        """A fresh allocation is aligned to 512 bytes."""
        return self.address

    def ptr_range(self) -> int:
        """Asked on other GPUs than NVIDIA's."""
        return 0


class PretendedDriver:
    """Triton's driver of a GPU that is not there."""

    def __init__(self, capability: int) -> None:
        self._target = GPUTarget("cuda", capability, 32)

    def get_current_target(self) -> GPUTarget:
        """What kernels are compiled for."""
        return self._target

    def get_current_device(self) -> int:
        """Kernels keep what they know of a target by the number of the device."""
        return int(self._target.arch)

    def get_current_stream(self, device: int) -> int:
        """The default one."""
        return 0


def pretend_launches(ledger: Ledger, capability: int) -> None:
    """From now on, launches are noted in ``ledger``."""
    triton.runtime.driver.set_active(PretendedDriver(capability))

    def run(self: Any, *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> None:
        name = f"{self.fn.__module__.rpartition('.')[2]}.{self.fn.__name__}"
        kwargs["debug"] = False
        _, key_cache, _, backend, binder = self.device_caches[capability]
        given = [_pointer(name, value) for value in args]
        bound, specialised, options = binder(*given, **{key: _pointer(name, value) for key, value in kwargs.items()})
        key = compute_cache_key(key_cache, specialised, options)
        launch = ledger.launches.get((name, key))
        if launch is None:
            if ledger.phase == "capture":
                ledger.faults.append(f"{name} is compiled while a CUDA graph is captured ({lines()[-1]})")
            named = {parameter.name: str(value) for parameter, value in zip(self.params, specialised, strict=True)}
            named |= {each: str(value) for each, value in options.items()}
            packed = self._pack_args(backend, kwargs, bound, specialised, options)
            launch = Launch(name, key, named, ledger.phase, lines(), 0, (self, packed))
            ledger.launches[name, key] = launch
        launch.count += 1
        for count, most in zip(grid(bound) if callable(grid) else grid, MOST_PROGRAMS, strict=False):
            if not isinstance(count, int) or count > most:
                ledger.faults.append(f"{name} is launched with a grid of {grid}")

    JITFunction.run = run


def _pointer(kernel: str, value: object) -> object:
    """A tensor as a pointer.

    Raises:
        ValueError: It is not on the device.
    """
    if not isinstance(value, Tensor):
        return value
    if value.device.type != "cuda":
        raise ValueError(f"{kernel} is given a tensor on the {value.device.type}, {list(value.shape)}")
    return Pointer(value.dtype, int(value.storage_offset()) * value.element_size())


def compile_launch(launch: Launch, capability: int) -> Compiled:
    """What the compiler makes of a launch, ahead of time.

    Raises:
        Exception: Whatever the compiler raises.
    """
    kernel, (options, signature, constants, attributes) = launch.compiled
    source = ASTSource(kernel, signature, constants, attributes)
    made = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options.__dict__)
    return read_code(made.asm["cubin"], int(made.metadata.shared))
