"""8-bit weights in groups that share a scale and a zero point, activations as they are (W8A16: GPTQ's 8 bits).

For few rows the kernel of `sgl.kernels.triton.skinny`; for many the weight is expanded and multiplied by the library.
Not run on a GPU yet.
"""

from __future__ import annotations

from typing import Final

import torch.nn.functional as F
from torch import Tensor

from sgl.kernels.epilogue import Epilogue
from sgl.kernels.grouped import PackedInt8Groups
from sgl.kernels.triton.activation import apart
from sgl.kernels.triton.expand import expand
from sgl.kernels.triton.skinny import INT8, ONE_GROUP, launch_skinny

SKINNY_ROWS: Final = 32
"""Rows up to which codes are multiplied as they are: 8 at a time, and from the second time on out of the L2 cache."""


def w8a16(
    x: Tensor,
    packed: PackedInt8Groups,
    bias: Tensor | None = None,
    *,
    epilogue: Epilogue | None = None,
    fixed: bool = False,
    dependent: bool = False,
) -> Tensor:
    """``x @ W.T + bias``.

    Args:
        x: [rows, in_features] of the packed weight's type.
        packed: The weight.
        bias: [out_features] or None.
        epilogue: Applied to the results; for more than `SKINNY_ROWS` rows by a kernel of its own.
        fixed: One tile for all counts of rows: a row's bits depend on nothing but the row.
        dependent: See `sgl.kernels.triton.pdl`.
    """
    if packed.order is not None:
        x = x.index_select(-1, packed.order)
    if len(x) > SKINNY_ROWS and not fixed:
        return apart(F.linear(x, unpack_int8_groups(packed), bias), epilogue, dependent=dependent)
    return launch_skinny(
        x,
        packed.codes,
        INT8,
        scale=packed.scale.T,
        zero=None if packed.zero is None else packed.zero.T,
        group=_group(packed),
        bias=bias,
        epilogue=epilogue,
        dependent=dependent,
    )


def unpack_int8_groups(packed: PackedInt8Groups) -> Tensor:
    """The weight [out_features, columns] in its type, columns in the order of the codes."""
    zero = None if packed.zero is None else packed.zero.T
    return expand(packed.codes, INT8, packed.scale.T, packed.dtype, zero=zero, group=_group(packed))


def _group(packed: PackedInt8Groups) -> int:
    return packed.group if len(packed.scale) > 1 else ONE_GROUP
