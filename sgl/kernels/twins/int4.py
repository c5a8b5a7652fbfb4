"""4-bit weights, taken out of their words one by one; see `sgl.kernels.triton.int4`."""

from __future__ import annotations

import torch
from torch import Tensor

from sgl.kernels.epilogue import Epilogue
from sgl.kernels.grouped import CHUNK, INT4_MIDDLE, PLANE, PackedInt4
from sgl.kernels.twins.skinny import skinny


def w4a16(x: Tensor, packed: PackedInt4, bias: Tensor | None = None, *, epilogue: Epilogue | None = None) -> Tensor:
    """[rows, in] -> [rows, out], or what the epilogue leaves of that, in float32 up to the end."""
    given = x if packed.order is None else x.index_select(-1, packed.order)
    return skinny(given, _unpacked(packed), bias, epilogue=epilogue)


def unpack_int4(packed: PackedInt4) -> Tensor:
    """The weight [out_features, columns] in its type, columns in the order of the codes."""
    return _unpacked(packed).to(packed.dtype)


def _unpacked(packed: PackedInt4) -> Tensor:
    weight = torch.empty(len(packed.words), packed.columns)
    for column in range(packed.columns):
        chunk, inside = divmod(column, CHUNK)
        plane, lane = divmod(inside, PLANE)
        code = packed.words[:, chunk * PLANE + lane].int() >> (4 * plane) & 15
        group = column // packed.group
        off = 0.0 if packed.zero is None else packed.zero[group]
        weight[:, column] = (code.float() - INT4_MIDDLE - off) * packed.scale[group]
    return weight
