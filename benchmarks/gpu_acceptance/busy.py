"""`Busy`: what the device does in steady decode, by torch's profiler, and how long it does nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu_acceptance.place import Place

KINDS: Final = (
    ("attention", ("attend", "attention", "merge", "extend", "decode_", "flash", "fmha", "latent", "batchprefill")),
    ("sampling", ("draw", "argmax", "philox", "mass", "candidate", "adjust", "sample", "greedy")),
    ("products", ("gemm", "gemv", "nvjet", "cutlass", "product", "skinny", "matmul", "mm_", "splitk", "wgmma")),
)
"""Parts of kernels' names, the first that fits; everything else is ``other``: norms, heads, copies."""

WAITING: Final = "Sync"
"""In names of what CUPTI lists beside kernels and is none."""


class Ran(NamedTuple):
    """One kernel or copy: its name, and microseconds from an arbitrary start."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Busy:
    """Seconds of a profiled stretch.

    Attributes:
        span: From the start of the first kernel to the end of the last.
        busy: In which at least one ran: those that overlap count once.
        kinds: Of kernels, one by one.
    """

    span: float
    busy: float
    kinds: Mapping[str, float]

    def divided(self, steps: int) -> Busy:
        """Of one of several steps."""
        return Busy(
            self.span / steps, self.busy / steps, {kind: seconds / steps for kind, seconds in self.kinds.items()}
        )

    def shares(self, wall: float) -> dict[str, float]:
        """Of ``wall`` seconds without the profiler: each kind's, and ``idle``; kinds that overlap are scaled down."""
        summed = sum(self.kinds.values())
        if not wall or not summed:
            return {}
        busy = min(1.0, self.busy / wall)
        parts = {kind: busy * seconds / summed for kind, seconds in self.kinds.items()}
        return {**dict(sorted(parts.items(), key=lambda item: -item[1])), "idle": 1.0 - busy}


def kind_of(name: str) -> str:
    """Of a kernel, by its name."""
    lowered = name.lower()
    return next((kind for kind, parts in KINDS if any(part in lowered for part in parts)), "other")


def summed(kernels: Iterable[Ran]) -> Busy:
    """Adds kernels up; no kernels are 0 seconds."""
    kinds: dict[str, float] = defaultdict(float)
    busy, first, last = 0.0, None, 0.0
    for name, start, end in sorted(kernels, key=lambda ran: ran.start):
        kinds[kind_of(name)] += (end - start) / 1e6
        if first is None:
            first = last = start
        busy += max(0.0, end - max(start, last))
        last = max(last, end)
    return Busy((last - (first or 0.0)) / 1e6, busy / 1e6, dict(kinds))


def profiled(place: Place, run: Callable[[], object]) -> Busy:
    """Runs it under the profiler. On a CPU torch's operators stand in for kernels."""
    place.synchronize()
    on_gpu = place.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as watched:
        run()
        place.synchronize()
    wanted = DeviceType.CUDA if on_gpu else DeviceType.CPU
    events: Any = watched.events()
    found = summed(
        Ran(event.name, event.time_range.start, event.time_range.end)
        for event in events
        if event.device_type == wanted and WAITING not in event.name
    )
    if not found.kinds:
        raise RuntimeError("the profiler saw no kernel; another profiler may hold the device's counters")
    return found
