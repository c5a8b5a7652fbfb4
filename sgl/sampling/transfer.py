"""Copies between host and device that nobody waits for."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def upload(values: npt.NDArray[Any], device: torch.device) -> Tensor:
    """``values`` on ``device``. Torch keeps the pinned memory until the copy is done."""
    host = torch.from_numpy(np.ascontiguousarray(values))
    return host if device.type == "cpu" else host.pin_memory().to(device, non_blocking=True)


def start_download(values: Tensor) -> Tensor:
    """A copy in pinned memory, whose values hold once the stream has come this far; on a CPU they hold at once."""
    if values.device.type == "cpu":
        return values.clone()
    return torch.empty_like(values, device="cpu", pin_memory=True).copy_(values, non_blocking=True)
