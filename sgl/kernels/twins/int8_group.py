"""8-bit weights in groups; see `sgl.kernels.triton.int8_group`."""

from __future__ import annotations

import torch
from torch import Tensor

from sgl.kernels.epilogue import Epilogue
from sgl.kernels.grouped import PackedInt8Groups
from sgl.kernels.twins.expand import expand
from sgl.kernels.twins.skinny import skinny


def w8a16(
    x: Tensor, packed: PackedInt8Groups, bias: Tensor | None = None, *, epilogue: Epilogue | None = None
) -> Tensor:
    """[rows, in] -> [rows, out], or what the epilogue leaves of that, in float32 up to the end."""
    given = x if packed.order is None else x.index_select(-1, packed.order)
    return skinny(given, _unpacked(packed), bias, epilogue=epilogue)


def unpack_int8_groups(packed: PackedInt8Groups) -> Tensor:
    """The weight [out_features, columns] in its type, columns in the order of the codes."""
    return _unpacked(packed).to(packed.dtype)


def _unpacked(packed: PackedInt8Groups) -> Tensor:
    zero = None if packed.zero is None else packed.zero.T
    return expand(packed.codes, packed.scale.T, torch.float32, zero=zero, group=packed.group)
