"""``python -m tests.unit.benchmarks.pretended_gpu.faulty``: does what an engine must not, and prints what was found.

A process of its own: kernels of the tests' are interpreted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from benchmarks.pretended_gpu.cuda import lend_guard, pretended_cuda
from benchmarks.pretended_gpu.judge import faults
from benchmarks.pretended_gpu.launches import compile_launch, pretend_launches
from benchmarks.pretended_gpu.ledger import Ledger
from benchmarks.pretended_gpu.tensors import pretended_tensors

CUDA: Final = torch.device("cuda")


@triton.jit
def add(x: tl.tensor, count: tl.tensor, BLOCK: tl.constexpr) -> None:
    places = tl.arange(0, BLOCK)
    tl.store(x + places, tl.load(x + places, mask=places < count, other=0) + 1, mask=places < count)


@triton.jit
def wrong(x: tl.tensor) -> None:
    tl.store(x, tl.arange(0, 3))


def numbers(count: int = 64) -> Tensor:
    return torch.zeros(count, dtype=torch.int32, device=CUDA)


def sound(ledger: Ledger) -> None:
    """Nothing of this is wrong."""
    add[(1,)](numbers(), 16, BLOCK=64)
    with ledger.during("launch"):
        host = torch.zeros(8, dtype=torch.int32, pin_memory=True)
        x = numbers(8)
        x.copy_(host, non_blocking=True)
        torch.empty_like(x, device="cpu", pin_memory=True).copy_(x, non_blocking=True)
        torch.from_numpy(host.numpy()).pin_memory().to(CUDA, non_blocking=True)
        add[(1,)](numbers()[4:], 32, BLOCK=64)
        numbers().index_select(0, numbers(2)) * torch.tensor(2)


def tensor_of_the_host(ledger: Ledger) -> None:
    add[(1,)](torch.zeros(64, dtype=torch.int32), 16, BLOCK=64)


def mixed(ledger: Ledger) -> None:
    numbers().index_select(0, torch.zeros(2, dtype=torch.int64))


def looked_at(ledger: Ledger) -> None:
    with ledger.during("launch"):
        int(numbers().sum())
        numbers().tolist()
        numbers().cpu()


def masked(ledger: Ledger) -> None:
    with ledger.during("launch"):
        numbers()[numbers() > 0]


def indexed_by_the_host(ledger: Ledger) -> None:
    with ledger.during("launch"):
        numbers()[torch.zeros(2, dtype=torch.int64)]


def uploaded(ledger: Ledger) -> None:
    with ledger.during("launch"):
        torch.tensor([1, 2], device=CUDA)
        torch.zeros(3, dtype=torch.int32).to(CUDA, non_blocking=True)
        numbers(4).copy_(torch.zeros(4, dtype=torch.int32, pin_memory=True))
        torch.cuda.synchronize()


def compiled_late(ledger: Ledger) -> None:
    add[(1,)](numbers(), 16, BLOCK=64)
    with ledger.during("launch"):
        add[(1,)](numbers(), 17, BLOCK=64)
        add[(1,)](numbers()[1:], 16, BLOCK=64)
        add[(1,)](numbers(), 16, BLOCK=64, num_warps=8)


def compiled_in_a_capture(ledger: Ledger) -> None:
    with torch.cuda.graph(torch.cuda.CUDAGraph()):
        add[(1,)](numbers(), 16, BLOCK=64)


def many_programs(ledger: Ledger) -> None:
    add[(1, 1 << 16)](numbers(), 16, BLOCK=64)


def does_not_compile(ledger: Ledger) -> None:
    wrong[(1,)](numbers())
    for launch in ledger.launches.values():
        compile_launch(launch, 90)


CASES: Final[tuple[Callable[[Ledger], None], ...]] = (
    sound,
    tensor_of_the_host,
    mixed,
    looked_at,
    masked,
    indexed_by_the_host,
    uploaded,
    compiled_late,
    compiled_in_a_capture,
    many_programs,
    does_not_compile,
)


def main() -> None:
    lend_guard()
    found: dict[str, Any] = {}
    for case in CASES:
        ledger = Ledger()
        pretend_launches(ledger, 90)
        with pretended_tensors(ledger, 0) as tensors, pretended_cuda(ledger, tensors, 90), torch.no_grad():
            try:
                case(ledger)
                found[case.__name__] = list(faults(ledger))
            except Exception as error:
                found[case.__name__] = [f"{type(error).__name__}: {error}"]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
