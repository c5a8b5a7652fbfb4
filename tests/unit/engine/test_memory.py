"""Measuring a step and running out of memory, with something in the device's place: none was run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
import torch

from sgl.engine.memory import DOING, guarded, is_out_of_memory, measure, wanted_bytes
from sgl.errors import OutOfMemory, StartupError
from sgl.plan.demand import Demand
from sgl.plan.running_out import Stage
from tests.unit.plan.demands import demand_of, place

GIB: Final = 2**30
SAID: Final = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 24.00 GiB of which ..."
DEMAND: Final[Demand] = demand_of(
    place(24, 24, "cuda"), element_bytes=2, running=64, chunk=8192, fraction=0.88, largest_graph=64
)


class Memory:
    """A device with weights of 3 GiB on it; a step holds more and leaves blocks unused."""

    def __init__(self, free: int = 20 * GIB) -> None:
        self._free = free
        self._held = 3 * GIB
        self._peak = 0
        self._unused = 0
        self.settled = 0

    def step(self) -> None:
        self._peak = self._held + 5 * GIB
        self._unused = 5 * GIB

    def info(self) -> tuple[int, int]:
        return self._free - self._unused, 24 * GIB

    def held(self) -> int:
        return self._held

    def peak(self) -> int:
        return self._peak

    def reset_peak(self) -> None:
        self._peak = self._held

    def settle(self) -> None:
        self._unused = 0
        self.settled += 1


def test_a_step_is_measured_beyond_what_was_held() -> None:
    memory = Memory()
    found = measure(memory, memory.step)
    assert (found.peak_bytes, found.held_bytes) == (5 * GIB, 3 * GIB)
    assert (found.free_bytes, found.memory_bytes) == (20 * GIB, 24 * GIB)
    assert memory.settled == 2


def test_a_step_that_takes_nothing() -> None:
    assert measure(Memory(), lambda: None).peak_bytes == 0


@pytest.mark.parametrize("stage", DOING)
def test_running_out_names_the_stage_and_flags_that_fit(stage: Stage) -> None:
    with pytest.raises(OutOfMemory) as caught, guarded(stage, DEMAND, Memory(free=GIB)):
        raise torch.OutOfMemoryError(SAID)
    error = caught.value
    assert error.message == (
        f"a place ran out of memory while {DOING[stage]}: 2.0 GiB were wanted and 1.0 GiB of 24.0 GiB are free"
    )
    assert (error.hint or "").startswith("use --")
    assert isinstance(error, StartupError)
    assert error.exit_code == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: RuntimeError("CUDA error: out of memory"),
        lambda: RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_libraries_that_say_it_in_other_words(make: Callable[[], RuntimeError]) -> None:
    assert is_out_of_memory(make())
    with pytest.raises(OutOfMemory, match="while capturing CUDA graphs"), guarded("graphs", DEMAND, Memory(free=0)):
        raise make()


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="illegal memory access"), guarded("step", DEMAND, Memory()):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    with guarded("step", DEMAND, Memory()):
        pass


@pytest.mark.parametrize(
    ("said", "size"),
    [(SAID, 2 * GIB), ("Tried to allocate 512.00 MiB.", 512 * 2**20), ("tried to allocate 80 bytes", 80), ("no", 0)],
)
def test_the_size_that_was_wanted(said: str, size: int) -> None:
    assert wanted_bytes(said) == size
