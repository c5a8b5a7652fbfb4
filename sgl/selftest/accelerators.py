"""What is not tested, and why: kernels for GPUs."""

from __future__ import annotations

import torch

from sgl.selftest.case import Measured


def cuda() -> Measured:
    """CUDA kernels."""
    if torch.version.cuda is None:
        return Measured("skip", f"torch {torch.__version__} is a build without CUDA")
    if not torch.cuda.is_available():
        return Measured("skip", "no CUDA device")
    return Measured("skip", f"not in this version, which computes on the CPU; {torch.cuda.get_device_name(0)} is idle")


def triton() -> Measured:
    """Triton kernels."""
    return Measured("skip", "not in this version")


def flashinfer() -> Measured:
    """FlashInfer's attention."""
    return Measured("skip", "not in this version")
