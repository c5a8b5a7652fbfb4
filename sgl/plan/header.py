"""`TensorHeader`: what a safetensors header says about one tensor. https://github.com/huggingface/safetensors"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True)
class TensorHeader:
    """Name, type as safetensors writes it (``BF16``, ``F8_E4M3``, ``I32``) and shape of one stored tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    stored_bytes: int

    @property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)
