"""``python -m tests.unit.selftest.broken HOW...``: the self-test with kernels that are broken on purpose."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from sgl.kernels.matmul import Matmul, plain
from sgl.selftest import layers, linear
from sgl.selftest.__main__ import main
from sgl.selftest.case import Case, Measured


def half_of_it(weight: Tensor, bias: Tensor | None) -> Matmul:
    """A product that forgets the second half of the input features."""
    kept = weight.clone()
    kept[:, weight.shape[1] // 2 :] = 0
    return plain(kept, bias)


def _crash() -> Measured:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError("still here")


def _hang() -> Measured:
    time.sleep(600)
    raise AssertionError("still here")


def _raise() -> Measured:
    return linear.packed_float32(lambda weight, bias: lambda x: x @ torch.zeros(3, 3))


BROKEN: Final[dict[str, Callable[[], Measured]]] = {
    "wrong": lambda: linear.packed_float32(half_of_it),
    "raise": _raise,
    "crash": _crash,
    "hang": _hang,
}

if __name__ == "__main__":
    broken = [Case(f"attention, {how}", BROKEN[how]) for how in sys.argv[1:]]
    sys.exit(main(["--json"], [Case("linear, good", linear.packed_float32), *broken, Case("KV pool", layers.kv_store)]))
