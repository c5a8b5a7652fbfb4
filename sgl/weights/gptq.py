"""GPTQ: codes packed along inputs, zero points along outputs."""

from __future__ import annotations

from sgl.weights.codes import Codes, group_order, in_order
from sgl.weights.part import Part
from sgl.weights.words import along_rows, down_columns


def gptq_codes(part: Part) -> Codes:
    """Takes a part's tensors apart.

    ``qweight`` int32 [inputs / pack, outputs], ``qzeros`` int32 [groups, outputs / pack], ``scales`` [groups, outputs],
    ``g_idx`` [inputs]. The first format stores zero points less one, and 0 as the largest code.

    Raises:
        CheckpointError: ``g_idx`` makes groups of different sizes.
    """
    bits = part.quantization.bits
    order = group_order(part, "g_idx")
    codes = along_rows(part.take("qweight").T, bits)
    zeros = down_columns(part.take("qzeros").T, bits)
    zeros = zeros.add_(part.quantization.zero_offset).bitwise_and_((1 << bits) - 1)
    return Codes(in_order(codes, order), part.take("scales").T.contiguous(), zeros.float(), order)
