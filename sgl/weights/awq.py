"""AWQ in its GEMM layout: codes and zero points packed along outputs, interleaved for a GPU kernel."""

from __future__ import annotations

from typing import Final

from sgl.weights.codes import Codes
from sgl.weights.part import Part
from sgl.weights.words import down_columns

ORDER: Final = (0, 2, 4, 6, 1, 3, 5, 7)
"""Which of eight outputs is in the lowest four bits of a word, in the next ones, and so on."""


def awq_codes(part: Part) -> Codes:
    """Takes a part's tensors apart.

    ``qweight`` int32 [inputs, outputs / 8], ``qzeros`` int32 [groups, outputs / 8], ``scales`` [groups, outputs].
    """
    bits = part.quantization.bits
    codes = down_columns(part.take("qweight").T, bits, ORDER)
    zeros = down_columns(part.take("qzeros").T, bits, ORDER)
    return Codes(codes, part.take("scales").T.contiguous(), zeros.float(), None)
