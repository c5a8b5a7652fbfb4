"""A `Case`, what it measures, and how it is run: one that fails or raises does not stop the others."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Status = Literal["ok", "warn", "error", "skip"]
Array = npt.NDArray[np.float64]


class Measured(NamedTuple):
    """What a case found.

    Attributes:
        status: ``ok`` when the kernel agrees with the plain computation.
        detail: One line, with the numbers.
        largest: Largest absolute error; None where it is not numbers that are compared.
    """

    status: Status
    detail: str
    largest: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One kernel on one small input.

    Attributes:
        name: For people: ``linear, float32``.
        run: Computes with the kernel and plainly, and compares.
    """

    name: str
    run: Callable[[], Measured]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one case.

    Attributes:
        milliseconds: Time of the case, the plain computation included.
        error: Text of the exception that ended it, or empty.
    """

    name: str
    status: Status
    detail: str
    milliseconds: float
    largest: float | None = None
    error: str = ""


def compare(got: Tensor, wanted: Array, allowed: float) -> Measured:
    """Compares elementwise; ``allowed`` is absolute. NaN, or another shape, is an error."""
    if tuple(got.shape) != wanted.shape:
        return Measured("error", f"the shape is {list(got.shape)}, not {list(wanted.shape)}")
    largest = float(np.abs(as_float64(got) - wanted).max())
    if not math.isfinite(largest):
        return Measured("error", "the result is not finite")
    if largest > allowed:
        return Measured("error", f"max abs error {largest:.1e}, allowed {allowed:.1e}", largest)
    return Measured("ok", f"max abs error {largest:.1e}", largest)


def compare_ids(got: Sequence[int], wanted: Sequence[int]) -> Measured:
    """Compares token ids one by one."""
    equal = sum(mine == theirs for mine, theirs in zip(got, wanted, strict=True))
    status: Status = "ok" if equal == len(wanted) else "error"
    return Measured(status, f"{equal} of {len(wanted)} tokens equal")


def worst(measured: Iterable[Measured]) -> Measured:
    """The first error of several measurements, or the one with the largest number."""
    return max(measured, key=lambda one: (one.status == "error", one.largest or 0.0))


def as_float64(tensor: Tensor) -> Array:
    """The exact values of a tensor of any floating-point type."""
    values: Array = tensor.detach().to(torch.float64).numpy()
    return values


def run_cases(cases: Iterable[Case], begin: Callable[[str], None]) -> Iterator[Outcome]:
    """Runs cases one after another.

    Args:
        begin: Called with a case's name before it runs: a crash of the process is then known to be its.
    """
    for case in cases:
        begin(case.name)
        started = time.perf_counter()
        error = ""
        try:
            measured = case.run()
        except Exception as caught:  # Whatever a kernel raises is its finding, and the next one is still run.
            error = f"{type(caught).__name__}: {caught}".splitlines()[0]
            measured = Measured("error", "raised an exception")
        milliseconds = (time.perf_counter() - started) * 1000
        yield Outcome(case.name, measured.status, measured.detail, round(milliseconds, 1), measured.largest, error)
