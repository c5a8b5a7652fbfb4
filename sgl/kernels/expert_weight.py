"""One projection of all experts of a layer, as a GPU multiplies by it in one kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sgl.kernels.grouped import PackedInt4


@dataclass(frozen=True, slots=True)
class ExpertWeight:
    """One projection of all experts.

    Attributes:
        weight: [experts, outputs, inputs], inputs contiguous: in the type of the rows, torch.float8_e4m3fn, or int8.
        scale: None for weights in the type of the rows; float32 [experts, outputs], or for FP8 also
            [experts, outputs / 128, inputs / 128], rounded up.
        bias: [experts, outputs] or None.
    """

    weight: Tensor
    scale: Tensor | None = None
    bias: Tensor | None = None

    @property
    def experts(self) -> int:
        """Their count."""
        return self.weight.shape[0]

    @property
    def outputs(self) -> int:
        """Of each row."""
        return self.weight.shape[1]


@dataclass(frozen=True, slots=True)
class PackedExperts:
    """One projection of all experts, each packed like `sgl.kernels.grouped.PackedInt4`.

    Attributes:
        words: int16 [experts, outputs, width].
        scale: float32 [experts, groups, outputs].
        zero: Like scale, less `INT4_MIDDLE`; None where all are that.
        columns: Inputs.
        bias: [experts, outputs] or None.
    """

    words: Tensor
    scale: Tensor
    zero: Tensor | None
    columns: int
    bias: Tensor | None = None

    @classmethod
    def stack(cls, packed: Sequence[PackedInt4], bias: Tensor | None = None) -> PackedExperts:
        """All experts' weights in one tensor each.

        Raises:
            ValueError: Columns come in an order of their own (GPTQ's act-order), which each expert has differently.
        """
        if any(each.order is not None for each in packed):
            raise ValueError("experts whose columns are reordered (act-order) cannot be multiplied together")
        zeros = [torch.zeros_like(each.scale) if each.zero is None else each.zero for each in packed]
        return cls(
            torch.stack([each.words for each in packed]),
            torch.stack([each.scale for each in packed]),
            None if all(each.zero is None for each in packed) else torch.stack(zeros),
            packed[0].columns,
            bias,
        )

    @property
    def experts(self) -> int:
        """Their count."""
        return self.words.shape[0]

    @property
    def outputs(self) -> int:
        """Of each row."""
        return self.words.shape[1]


AnyExperts = ExpertWeight | PackedExperts
"""In any type."""
