"""Which 4-bit weights torch's kernel on a CPU takes, and in which groups. Torch-free: the memory plan counts by it."""

from __future__ import annotations

from typing import Final

KERNEL_GROUPS: Final = (256, 128, 64, 32)
"""Inputs that may share a scale in ``_weight_int4pack_mm_for_cpu``."""
KERNEL_OUTPUTS: Final = 64
"""The kernel's block of outputs with AVX-512, two of those with AVX2; others have another layout at the edge."""
PACK_FROM_ELEMENTS: Final = 1 << 18
"""Smaller weights are dequantised at load: they weigh little, and a packed call costs more than it saves."""


def kernel_group(inputs: int, groups: int) -> int | None:
    """The largest group of the kernel's that divides ``inputs / groups``; None where there is none."""
    size, rest = divmod(inputs, groups)
    if rest:
        return None
    return next((each for each in KERNEL_GROUPS if size % each == 0), None)


def is_packed_int4(outputs: int, inputs: int, groups: int) -> bool:
    """Whether a weight is held as 4-bit codes, and not dequantised."""
    enough = outputs * inputs >= PACK_FROM_ELEMENTS
    return enough and outputs % KERNEL_OUTPUTS == 0 and kernel_group(inputs, groups) is not None
