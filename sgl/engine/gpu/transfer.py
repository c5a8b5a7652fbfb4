"""Copies between host and device that nobody waits for until the result is needed."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import torch

DEPTH: Final = 3
"""Steps whose blocks the host keeps apart: one in flight, one launched behind it, and the one being written."""

Words = npt.NDArray[np.int32]


class Mark(Protocol):
    """A place in the order of a device's work."""

    def synchronize(self) -> None:
        """Waits until the device has come by."""
        ...


class Passed:
    """The mark of a device that works at once."""

    def synchronize(self) -> None:
        """There is nothing to wait for."""


def mark(device: torch.device) -> Mark:
    """Marks the end of what has been launched so far."""
    if device.type != "cuda":
        return Passed()
    event: torch.cuda.Event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()
    return event


class Staging:
    """A block of int32 at a fixed place on the device, which the host fills anew for each step.

    The host's copies are page-locked, so that a copy is launched like a kernel; none is written before its last copy
    has gone.

    Attributes:
        block: int32 [size] on the device.
    """

    def __init__(self, size: int, device: torch.device) -> None:
        self.block = torch.zeros(size, dtype=torch.int32, device=device)
        pinned = device.type == "cuda"
        self._hosts = [torch.zeros(size, dtype=torch.int32, pin_memory=pinned) for _ in range(DEPTH)]
        self._gone: list[Mark] = [Passed()] * DEPTH
        self._turn = 0

    @property
    def size(self) -> int:
        """Numbers of a block."""
        return len(self.block)

    def send(self, *parts: Words) -> None:
        """Launches the copy of ``parts``, one behind the other, to the beginning of the block."""
        self._turn = (self._turn + 1) % DEPTH
        host = self._hosts[self._turn]
        self._gone[self._turn].synchronize()
        room, stop = host.numpy(), 0
        for part in parts:
            room[stop : stop + part.size] = part.reshape(-1)
            stop += part.size
        self.block[:stop].copy_(host[:stop], non_blocking=True)
        self._gone[self._turn] = mark(self.block.device)
