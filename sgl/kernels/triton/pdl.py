"""Programmatic dependent launch: a kernel starts before the one in front of it has ended.

From compute capability 90 on, and only for launches with ``launch_pdl=True``. Between launch and `await_inputs` a
kernel may read weights and set itself up, but nothing that an earlier kernel of the stream writes: a wait that is
missing is a race, and shows in no result but now and then (CUDA C++ Programming Guide, 4.5).
"""

from __future__ import annotations

from typing import Final

import torch
import triton
import triton.language as tl

from sgl.kernels.triton.mode import INTERPRETED

FIRST_CAPABILITY: Final = (9, 0)


def starts_early(device: torch.device, dependent: bool) -> bool:
    """Whether a kernel is launched that way: the value of DEPENDENT and of ``launch_pdl``."""
    return dependent and not INTERPRETED and torch.cuda.get_device_capability(device) >= FIRST_CAPABILITY


@triton.jit
def await_inputs(DEPENDENT: tl.constexpr) -> None:
    """Waits until all that earlier kernels have written can be read."""
    if DEPENDENT:
        tl.extra.cuda.gdc_wait()


@triton.jit
def release_dependents(DEPENDENT: tl.constexpr) -> None:
    """Lets the next kernel start; what this one writes afterwards is still waited for."""
    if DEPENDENT:
        tl.extra.cuda.gdc_launch_dependents()
