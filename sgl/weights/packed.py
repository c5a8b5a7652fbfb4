"""compressed-tensors' pack-quantized: signed codes, stored with the middle of the range added, packed along inputs."""

from __future__ import annotations

import torch

from sgl.weights.codes import Codes, group_order, in_order
from sgl.weights.part import Part
from sgl.weights.words import along_rows, down_columns


def packed_codes(part: Part) -> Codes:
    """Takes a part's tensors apart.

    ``weight_packed`` int32 [outputs, inputs / pack], ``weight_scale`` [outputs, groups], ``weight_shape`` [2],
    ``weight_zero_point`` int32 [outputs / pack, groups] where the scheme is not symmetric, ``weight_g_idx`` [inputs]
    where groups are ordered by activation.

    Raises:
        CheckpointError: ``weight_shape`` is another one, or ``weight_g_idx`` makes groups of different sizes.
    """
    scheme = part.quantization
    shape = part.take("weight_shape").tolist()
    if shape != [part.outputs, part.inputs]:
        raise part.wrong("weight_shape", f"says {shape}, config.json asks for {[part.outputs, part.inputs]}")
    order = group_order(part, "weight_g_idx") if scheme.ordered else None
    codes = along_rows(part.take("weight_packed"), scheme.bits)[:, : part.inputs]
    scale = part.take("weight_scale")
    if scheme.symmetric:
        zero = torch.full_like(scale, 1 << (scheme.bits - 1))
    else:
        zero = down_columns(part.take("weight_zero_point"), scheme.bits)[: part.outputs].float()
    return Codes(in_order(codes, order).contiguous(), scale, zero, order)
