"""`Slot`: a place for one tensor of a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from sgl.config.devices import DeviceName
from sgl.config.quantization import Quantization
from sgl.kernels.fused import FusedKernels
from sgl.kernels.products import CPU_PRODUCTS, Products

_PLAIN: Final = frozenset({torch.float64, torch.float32, torch.bfloat16, torch.float16})


@dataclass(frozen=True, slots=True)
class Slot:
    """A name, and the view of a parameter that the tensor of this name fills.

    The loader converts floating-point types into the target's. Targets of whole numbers and of FP8 hold codes: they
    take their own type, and int64 any whole one.

    Attributes:
        optional: The tensor may be missing: the target holds what that means.
    """

    name: str
    target: Tensor
    optional: bool = False

    def takes(self, dtype: torch.dtype) -> bool:
        """Whether a tensor of this type may fill it."""
        own = self.target.dtype
        if own == torch.int64:
            return dtype in (torch.int32, torch.int64)
        if own in _PLAIN:
            return dtype.is_floating_point
        return dtype == own


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and in which type new parameters are made, and how matrices are quantised, if they are.

    Attributes:
        hear_error: Hears of each product that is quantised at load: its first matrix, and the relative root mean
            square error of its weights. None saves measuring it.
        products: How the device multiplies.
        fused: The device's kernels for what lies between products, or None.
    """

    dtype: torch.dtype
    device: torch.device
    quantization: Quantization | None = None
    hear_error: Callable[[str, float], None] | None = None
    products: Products = CPU_PRODUCTS
    fused: FusedKernels | None = None

    @property
    def holds_as(self) -> DeviceName:
        """Whose rules say how quantised weights are held: a GPU's where its products are, also interpreted."""
        return "cpu" if self.products.fp8 is None else "cuda"

    def empty(self, *shape: int) -> Tensor:
        """An uninitialised parameter."""
        return torch.empty(shape, dtype=self.dtype, device=self.device)


def size_of(*tensors: Tensor | None) -> int:
    """Bytes of the given tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)
