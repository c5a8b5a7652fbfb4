"""4-bit weights as numbers, for products of many rows; see `sgl.kernels.triton.int4`.

Bytes: N * K / 2 read, 2 * N * K written in bfloat16. Not run on a GPU yet.
"""

from __future__ import annotations

from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.grouped import PLANE, PackedInt4
from sgl.kernels.triton.variant import Variant


@triton.jit
def expand(
    words: tl.tensor,
    scale: tl.tensor,
    zero: tl.tensor,
    out: tl.tensor,
    outputs: tl.tensor,
    columns: tl.tensor,
    width: tl.tensor,
    group: tl.tensor,
    PLANE: tl.constexpr,
    BLOCK_N: tl.constexpr,
    CHUNKS: tl.constexpr,
) -> None:
    """CHUNKS chunks of BLOCK_N outputs, in the type of ``out``."""
    n = tl.program_id(1).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    chunk = tl.program_id(0) * CHUNKS + tl.arange(0, CHUNKS)
    lane = tl.arange(0, PLANE)
    real = (n < outputs)[:, None, None]
    word = (chunk[:, None] * PLANE + lane[None, :])[None, :, :]
    codes = tl.load(words + n[:, None, None] * width + word, mask=real & (word < width), other=0)
    for plane in tl.static_range(4):
        first = chunk * (4 * PLANE) + plane * PLANE
        place = (tl.minimum(first, columns - 1) // group).to(tl.int64)[None, :, None] * outputs + n[:, None, None]
        number = ((codes >> (4 * plane)) & 15).to(tl.float32) - 8.0
        if zero is not None:
            number -= tl.load(zero + place, mask=real, other=0.0)
        number *= tl.load(scale + place, mask=real, other=0.0)
        column = (first[:, None] + lane[None, :])[None, :, :]
        places = out + n[:, None, None] * columns + column
        tl.store(places, number.to(out.dtype.element_ty), mask=real & (column < columns))


def unpack_int4(packed: PackedInt4) -> Tensor:
    """The weight [out_features, columns] in its type, columns in the order of the codes."""
    outputs, width = packed.words.shape
    out = torch.empty(outputs, packed.columns, dtype=packed.dtype, device=packed.words.device)
    block, chunks = (8, 4)
    expand[(triton.cdiv(width, chunks * PLANE), triton.cdiv(outputs, block))](
        packed.words,
        packed.scale,
        packed.zero,
        out,
        outputs,
        packed.columns,
        width,
        packed.group,
        PLANE=PLANE,
        BLOCK_N=block,
        CHUNKS=chunks,
        num_warps=4,
    )
    return out


_NUMBERS: Final = ("outputs", "columns", "width", "group")


def _variant(element: str, zeros: bool) -> Variant:
    return Variant(
        name=f"int4 expand {element}{' zeros' if zeros else ''}",
        kernel=expand,
        signature={
            **{"words": "*i16", "scale": "*fp32", "out": f"*{element}"},
            **({"zero": "*fp32"} if zeros else {}),
            **dict.fromkeys(_NUMBERS, "i32"),
        },
        constants={**({} if zeros else {"zero": None}), "PLANE": PLANE, "BLOCK_N": 8, "CHUNKS": 4},
        divisible=_NUMBERS,
        registers=128,
        wide_loads=True,
    )


VARIANTS: Final = (_variant("bf16", True), _variant("bf16", False))
