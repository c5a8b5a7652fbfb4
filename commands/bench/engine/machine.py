"""`measure_machine`: what reading memory and multiplying matrices reach here, measured on the spot in a second or two.

Plain torch, with the threads of the engine: not what a data sheet promises, but what a program can get on this
machine at this moment. What else runs on it makes both smaller.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import torch

READ_BYTES: Final = {"cpu": 256 * 2**20, "cuda": 2 * 2**30}
"""Larger than any cache that would answer in the memory's place."""
PRODUCT: Final = {"cpu": (512, 2048, 2048), "cuda": (8192, 8192, 8192)}
"""Rows, inner width and columns of the product, by kind of device."""
ENOUGH_SECONDS: Final = 0.3
"""Spent on each measurement, after one round that does not count; the best round is the result."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What was measured.

    Attributes:
        bytes_per_second: Read from memory.
        flops: Floating-point operations per second in matrix products, a multiply-add as two.
        product_dtype: Element type of the fastest product. A CPU without instructions for bfloat16 multiplies
            float32 faster, and so may the engine.
        threads: Compute threads; 0 on a device that has none of ours.
    """

    bytes_per_second: float
    flops: float
    product_dtype: str
    threads: int

    def to_json(self) -> dict[str, Any]:
        """Plain values, per second."""
        return {
            "read_bytes_s": self.bytes_per_second,
            "flop_s": self.flops,
            "product_dtype": self.product_dtype,
            "threads": self.threads,
        }


def measure_machine(dtype: str, device: str, threads: int) -> Machine:
    """Measures the place where an engine computes.

    Args:
        dtype: Compute type of the engine, e.g. ``bfloat16``.
        device: ``cpu``, or ``cuda:0``.
        threads: Of the engine.
    """
    import torch

    place = torch.device(device)
    if place.type == "cpu":
        torch.set_num_threads(threads)
    block = torch.ones(READ_BYTES[place.type] // 4, device=place)
    read = _best(place, block.sum)
    # The engine may widen what its CPU cannot multiply: the faster of both is what it is measured by.
    names = {dtype, "float32"} if place.type == "cpu" else {dtype}
    rates = {name: _product_rate(place, getattr(torch, name)) for name in sorted(names)}
    fastest = max(rates, key=lambda name: rates[name])
    own_threads = threads if place.type == "cpu" else 0
    return Machine(block.numel() * 4 / read, rates[fastest], fastest, own_threads)


def _product_rate(place: torch.device, dtype: torch.dtype) -> float:
    import torch

    rows, inner, columns = PRODUCT[place.type]
    left = torch.ones(rows, inner, dtype=dtype, device=place)
    right = torch.ones(inner, columns, dtype=dtype, device=place)
    return 2 * rows * inner * columns / _best(place, lambda: torch.mm(left, right))


def _best(place: torch.device, work: Callable[[], object]) -> float:
    """Seconds of the fastest round."""
    _round(place, work)
    times: list[float] = []
    while not times or sum(times) < ENOUGH_SECONDS:
        times.append(_round(place, work))
    return min(times)


def _round(place: torch.device, work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    if place.type == "cuda":
        import torch

        torch.cuda.synchronize(place)
    return time.perf_counter() - begun
