"""How the product of a quantised matrix is held on a GPU, where codes of every kind stay codes. Torch-free.

The layouts are those of `sgl.kernels.grouped` and `sgl.kernels.triton.product`; what these do not take is expanded at
load, as on a CPU. A test holds both to the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sgl.config.layout.weight import Matrix
from sgl.config.quantization import Quantization

SMALLEST_GROUP: Final = 32
"""Columns of a group are a multiple of this, or all."""
CHUNK: Final = 128
"""Columns of 4-bit codes are padded to a multiple of this."""
BY_OUTPUT: Final = frozenset({"fp8", "int8"})
"""Schemes whose codes are bytes with scales of outputs or of blocks, not of groups of inputs."""
EXPERT_BITS: Final = 4
"""Of the only codes in groups that the kernel for all experts knows, and it knows none in an order of their own."""
FP8_BLOCK: Final = (128, 128)
"""The only blocks of FP8 weights that kernels know."""


def joined_parts(outputs: Sequence[int]) -> list[slice]:
    """Stacked parts of FP8 in blocks that make one product each: all of them but the last end with a whole block, so
    that below one another they have the blocks of one matrix.

    Args:
        outputs: Of the parts.
    """
    ends = [number + 1 for number, count in enumerate(outputs) if count % FP8_BLOCK[0]]
    stops = [*(end for end in ends if end < len(outputs)), len(outputs)]
    return [slice(start, stop) for start, stop in zip([0, *stops], stops, strict=False)]


def stays_codes(matrix: Matrix, scheme: Quantization, groups: int) -> bool:
    """Whether a product is held as codes, and not in the type of activations.

    Args:
        groups: Groups of one output's weights.
    """
    if matrix.apart or scheme.method == "mxfp4":
        return False
    if matrix.expert and scheme.method not in BY_OUTPUT and (scheme.bits != EXPERT_BITS or scheme.ordered):
        return False
    if scheme.block is not None:
        # Parts that do not join are products beside each other, which the kernel for all experts does not know.
        return scheme.block == FP8_BLOCK and (not matrix.expert or len(joined_parts(matrix.outputs)) == 1)
    size, rest = divmod(matrix.inputs, groups)
    return groups == 1 or (rest == 0 and size % SMALLEST_GROUP == 0)
