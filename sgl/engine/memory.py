"""A GPU's memory at start: what a step takes is measured, and running out of it is an error with flags that fit.

Not yet run on a GPU: the tests put something in the device's place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import torch

from sgl.config.sizes import gib
from sgl.errors import OutOfMemory
from sgl.plan.demand import Demand
from sgl.plan.measured import Measured
from sgl.plan.running_out import Stage, ways_out
from sgl.plan.steps import advice

DOING: Final[dict[Stage, str]] = {
    "weights": "loading the weights",
    "step": "computing the first step",
    "pool": "making the KV pool",
    "graphs": "capturing CUDA graphs",
}
_WANTED: Final = re.compile(r"[Tt]ried to allocate ([\d.]+) (GiB|MiB|KiB|bytes)")
_UNITS: Final = {"GiB": 2**30, "MiB": 2**20, "KiB": 2**10, "bytes": 1}
_SAID: Final = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "cudaErrorMemoryAllocation")
"""Errors of other types in which CUDA and its libraries say the same."""


class DeviceMemory(Protocol):
    """Counters of a device's memory, in bytes."""

    def info(self) -> tuple[int, int]:
        """(free, all), of the device and whoever uses it."""
        ...

    def held(self) -> int:
        """Bytes of this process's tensors."""
        ...

    def peak(self) -> int:
        """Most that these were since `reset_peak`."""
        ...

    def reset_peak(self) -> None:
        """Counts the peak from now on."""
        ...

    def settle(self) -> None:
        """Waits for the device, and gives unused blocks back to it."""
        ...


class CudaMemory:
    """The memory of the current CUDA device, by torch's allocator."""

    def info(self) -> tuple[int, int]:
        """(free, all)."""
        free, total = torch.cuda.mem_get_info()
        return free, total

    def held(self) -> int:
        """Bytes of tensors."""
        return torch.cuda.memory_allocated()

    def peak(self) -> int:
        """Their most since `reset_peak`."""
        return torch.cuda.max_memory_allocated()

    def reset_peak(self) -> None:
        """Counts from now on."""
        torch.cuda.reset_peak_memory_stats()

    def settle(self) -> None:
        """Synchronises and empties the cache."""
        torch.cuda.synchronize()
        torch.cuda.empty_cache()


def measure(memory: DeviceMemory, step: Callable[[], object]) -> Measured:
    """Runs the largest step once and measures what it takes; call it when the weights are loaded.

    Args:
        step: A forward pass of as many tokens as are ever computed at once, with sampling; holds nothing afterwards.
    """
    memory.settle()
    memory.reset_peak()
    before = memory.held()
    step()
    memory.settle()
    free, total = memory.info()
    return Measured(
        memory_bytes=total, free_bytes=free, held_bytes=memory.held(), peak_bytes=max(0, memory.peak() - before)
    )


@contextmanager
def guarded(stage: Stage, demand: Demand, memory: DeviceMemory) -> Iterator[None]:
    """Turns running out of memory into an `OutOfMemory` that says what to change.

    Args:
        stage: What is done in the block.
        demand: What was planned.
        memory: Says how much was free when it failed.

    Raises:
        OutOfMemory: The block ran out of memory.
    """
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one.
        if not is_out_of_memory(error):
            raise
        raise out_of_memory(stage, demand, str(error), memory.info()[0]) from error


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error of torch, CUDA or cuBLAS says that there is no memory left."""
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or any(words in text for words in _SAID)


def out_of_memory(stage: Stage, demand: Demand, said: str, free_bytes: int) -> OutOfMemory:
    """The error for people.

    Args:
        said: torch's message, which names the allocation that failed.
        free_bytes: Free on the device then.
    """
    wanted = wanted_bytes(said)
    changes = ways_out(demand, stage, max(1, wanted - free_bytes))
    what = f"{gib(wanted)} were wanted and " if wanted else ""
    place = demand.place
    return OutOfMemory(
        f"{place.name} ran out of memory while {DOING[stage]}: {what}{gib(free_bytes)} of "
        f"{gib(place.memory_bytes)} are free",
        hint=advice(changes),
    )


def wanted_bytes(said: str) -> int:
    """Size of the allocation that failed; 0 where the message does not say it."""
    found = _WANTED.search(said)
    return 0 if found is None else int(float(found[1]) * _UNITS[found[2]])
