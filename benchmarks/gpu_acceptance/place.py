"""`Place`: where items run, and how large they are there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import torch

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """What the command line decided.

    Attributes:
        rehearsal: On a CPU, with kernels interpreted and everything tiny.
        quick: Few repetitions.
        model: Folder of a trained model to compare tokens with; empty is the built-in one.
    """

    rehearsal: bool = False
    quick: bool = False
    model: str = ""

    @property
    def device(self) -> torch.device:
        """Where tensors lie."""
        return torch.device("cpu" if self.rehearsal else "cuda")

    @property
    def dtype(self) -> torch.dtype:
        """Of what kernels are given: the interpreter cannot be trusted with bfloat16."""
        return torch.float32 if self.rehearsal else torch.bfloat16

    @property
    def multiprocessors(self) -> int:
        """Of the device."""
        return 4 if self.rehearsal else torch.cuda.get_device_properties(self.device).multi_processor_count

    def pick(self, real: T, small: T) -> T:
        """A size: on a GPU, or in a rehearsal."""
        return small if self.rehearsal else real

    def repeats(self, full: int, quick: int) -> int:
        """Repetitions."""
        return self.pick(quick if self.quick else full, 1)

    def synchronize(self) -> None:
        """Waits for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def as_json(self) -> dict[str, Any]:
        """For another process."""
        return asdict(self)
