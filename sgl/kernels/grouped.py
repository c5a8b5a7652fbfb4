"""`PackedInt4` and `PackedInt8Groups`: weights in groups that share a scale and a zero point, as a GPU multiplies them.

Both are made once, at load, on the device of the codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

INT4_MIDDLE: Final = 8
INT8_MIDDLE: Final = 128
"""The codes that zero points are counted from: those that kernels make 0."""
PLANE: Final = 32
"""Columns side by side at the same place of their words."""
CHUNK: Final = 4 * PLANE
"""Columns that a run of PLANE words holds."""
SMALLEST_GROUP: Final = 32
"""Columns of a group are a multiple of this."""


@dataclass(frozen=True)
class PackedInt4:
    """``W[o, order[i]] = (code[o, i] - zero[o, g(i)]) * scale[o, g(i)]``.

    Attributes:
        words: int16 [out_features, ceil(columns / 128) * 32]: word w of a chunk of 128 columns has the codes of columns
            w, w + 32, w + 64 and w + 96, lowest bits first.
        scale: float32 [groups, out_features].
        zero: float32 [groups, out_features], less `INT4_MIDDLE`; None where all are that.
        columns: In features.
        order: int64 [columns] or None: the input that each column multiplies.
        dtype: Of activations, and of the weight when it is expanded.
    """

    words: Tensor
    scale: Tensor
    zero: Tensor | None
    columns: int
    order: Tensor | None
    dtype: torch.dtype

    @property
    def group(self) -> int:
        """Columns that share a scale."""
        return self.columns // len(self.scale)


@dataclass(frozen=True)
class PackedInt8Groups:
    """As `PackedInt4`, with a byte for each code.

    Attributes:
        codes: int8 [out_features, columns], less `INT8_MIDDLE`.
        scale: float32 [groups, out_features].
        zero: float32 [groups, out_features], less `INT8_MIDDLE`; None where all are that.
        order: int64 [columns] or None: the input that each column multiplies.
        dtype: Of activations, and of the weight when it is expanded.
    """

    codes: Tensor
    scale: Tensor
    zero: Tensor | None
    order: Tensor | None
    dtype: torch.dtype

    @property
    def group(self) -> int:
        """Columns that share a scale."""
        return self.codes.shape[1] // len(self.scale)


def packs_groups(columns: int, groups: int) -> bool:
    """Whether a weight can be packed: it has one group, or groups of a multiple of `SMALLEST_GROUP` columns."""
    return groups == 1 or (columns % groups == 0 and columns // groups % SMALLEST_GROUP == 0)


def pack_int4(
    codes: Tensor, scale: Tensor, zero: Tensor, dtype: torch.dtype, *, order: Tensor | None = None
) -> PackedInt4:
    """Packs a weight of 4 bits.

    Args:
        codes: uint8 [out_features, columns] of 0..15.
        scale: float32 [out_features, groups]; groups are of equal size.
        zero: float32 [out_features, groups], of any values.
        dtype: Of activations.
        order: int64 [columns] or None: the input that each column of ``codes`` multiplies.

    Raises:
        ValueError: `packs_groups` says no.
    """
    outputs, columns = codes.shape
    _refuse(columns, scale.shape[1])
    padded = F.pad(codes, (0, -columns % CHUNK)).view(outputs, -1, 4, PLANE)
    lowest, second, third, highest = padded.unbind(2)
    # The bytes of a word one after the other, so that nothing is ever wider than the codes.
    words = torch.stack([lowest | second << 4, third | highest << 4], dim=-1).view(torch.int16)
    return PackedInt4(words.view(outputs, -1), *_by_group(scale, zero, INT4_MIDDLE), columns, order, dtype)


def pack_int8_groups(
    codes: Tensor, scale: Tensor, zero: Tensor, dtype: torch.dtype, *, order: Tensor | None = None
) -> PackedInt8Groups:
    """Packs a weight of 8 bits: as `pack_int4`, with codes of 0..255."""
    _refuse(codes.shape[1], scale.shape[1])
    signed = codes.bitwise_xor(INT8_MIDDLE).view(torch.int8).contiguous()
    return PackedInt8Groups(signed, *_by_group(scale, zero, INT8_MIDDLE), order, dtype)


def _refuse(columns: int, groups: int) -> None:
    if not packs_groups(columns, groups):
        raise ValueError(
            f"{columns} columns in {groups} groups: a group must be a multiple of {SMALLEST_GROUP} columns"
        )


def _by_group(scale: Tensor, zero: Tensor, middle: int) -> tuple[Tensor, Tensor | None]:
    off = (zero.float() - middle).T.contiguous()
    return scale.float().T.contiguous(), off if off.any() else None
