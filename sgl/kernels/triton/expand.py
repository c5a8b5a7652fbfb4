"""8-bit codes of a weight, times their scales, in the type of activations: for products of many rows.

Bytes: N * K read, 2 * N * K written in bfloat16, and read again by the product. Not run on a GPU yet.
"""

from __future__ import annotations

from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.triton.skinny import FP8, INT8, ONE_GROUP
from sgl.kernels.triton.variant import Variant
from sgl.kernels.triton.widen import E4M3_UNIT, from_e4m3

BLOCK_N: Final = 8
BLOCK_K: Final = 512
"""Outputs and columns of a program: 16 codes a thread and load."""


@triton.jit
def expand_product(
    codes: tl.tensor,
    scale: tl.tensor,
    zero: tl.tensor,
    out: tl.tensor,
    outputs: tl.tensor,
    columns: tl.tensor,
    codes_stride: tl.tensor,
    scale_stride: tl.tensor,
    scale_step: tl.tensor,
    KIND: tl.constexpr,
    GROUP: tl.constexpr,
    HEIGHT: tl.constexpr,
    UNIT: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
) -> None:
    """BLOCK_N outputs and BLOCK_K columns; constants are those of `sgl.kernels.triton.skinny.skinny_product`."""
    n = (tl.program_id(1).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N))[:, None]
    k = (tl.program_id(0) * BLOCK_K + tl.arange(0, BLOCK_K))[None, :]
    real = (n < outputs) & (k < columns)
    stored = tl.load(codes + n * codes_stride + k, mask=real, other=0)
    number = from_e4m3(stored, tl.float32, False) if KIND == 1 else stored.to(tl.float32)
    place = n // HEIGHT * scale_stride + k // GROUP * scale_step
    if zero is not None:
        number -= tl.load(zero + place, mask=real, other=0.0)
    number *= tl.load(scale + place, mask=real, other=0.0) * UNIT
    tl.store(out + n * columns + k, number.to(out.dtype.element_ty), mask=real)


def expand(
    codes: Tensor,
    kind: int,
    scale: Tensor,
    dtype: torch.dtype,
    *,
    zero: Tensor | None = None,
    group: int | None = None,
    height: int = 1,
    unit: float = 1.0,
) -> Tensor:
    """The weight [out_features, in_features] in ``dtype``; arguments are those of `skinny.launch_skinny`."""
    outputs, columns = codes.shape
    out = torch.empty(outputs, columns, dtype=dtype, device=codes.device)
    expand_product[(triton.cdiv(columns, BLOCK_K), triton.cdiv(outputs, BLOCK_N))](
        codes,
        scale,
        zero,
        out,
        outputs,
        columns,
        codes.stride(0),
        scale.stride(0),
        scale.stride(1) if scale.dim() == 2 else 0,
        KIND=kind,
        GROUP=ONE_GROUP if group is None else group,
        HEIGHT=height,
        UNIT=unit,
        BLOCK_N=BLOCK_N,
        BLOCK_K=BLOCK_K,
        num_warps=4,
    )
    return out


_NUMBERS: Final = ("outputs", "columns", "codes_stride", "scale_stride", "scale_step")


def _variant(case: str, kind: int, *, zeros: bool = False, group: int | None = None, height: int = 1) -> Variant:
    return Variant(
        name=f"expand {case} bf16",
        kernel=expand_product,
        signature={
            **{"codes": "*i8", "scale": "*fp32", "out": "*bf16", **({"zero": "*fp32"} if zeros else {})},
            **dict.fromkeys(_NUMBERS, "i32"),
        },
        constants={
            **({} if zeros else {"zero": None}),
            "KIND": kind,
            "GROUP": ONE_GROUP if group is None else group,
            "HEIGHT": height,
            "UNIT": E4M3_UNIT if kind == FP8 else 1.0,
            "BLOCK_N": BLOCK_N,
            "BLOCK_K": BLOCK_K,
        },
        divisible=("outputs", "columns", "codes_stride"),
        registers=128,
        wide_loads=True,
    )


VARIANTS: Final = (
    _variant("fp8 rows", FP8),
    _variant("fp8 blocks", FP8, group=128, height=128),
    _variant("int8 groups zeros", INT8, zeros=True, group=128),
)
