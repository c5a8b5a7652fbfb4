"""Products of int8 weights, one scale per output, with activations made int8 row by row as they come (W8A8).

Whole numbers are multiplied and summed exactly, so a row's result does not depend on what else is computed; the
scales of weight and row come after. Microseconds per call, one thread of a Xeon with AMX, weight 6144 x 1024 rotated
through 75 MB, quantising the activations included (last column: the same CPU held to AVX512-VNNI,
``ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI``):

    rows   bfloat16 packed   torch._int_mm   oneDNN packed   without AMX: packed, bfloat16
       1         880              964              540             650    1190
       4         853              931              567               -       -
      16         871              916              620            1100   17700
      64        1360             1240             1170            2050   27700
     256        3960             8340             3300               -       -

`torch._int_mm` lays the weight out afresh in every call, so the packed way wins at every count of rows. Two facts of
oneDNN 3.12 shape it: signed activations take a way that is 1000 times slower on CPUs without AMX, so activations
are unsigned, 128 being zero; and where a CPU lacks VNNI, pairs of products saturate at 16 bits and results are wrong
by a fifth. `multiplies_exactly` tries that once, and weights stay plain where it is so.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import torch
from torch import Tensor

from sgl.kernels.matmul import Matmul, tiled

INT8_MAX: Final = 127
"""Symmetric: -128 is not used."""
MIDDLE: Final = 128
"""The unsigned code of 0."""
_PROBE: Final = (16, 64)
_WEIGHT_ZERO: Final = torch.zeros(1, dtype=torch.int32)
"""Zero point of every weight."""


def int8_product(
    weight: Tensor, scale: Tensor, bias: Tensor | None, dtype: torch.dtype, *, deterministic: bool
) -> Matmul:
    """Prepares one weight.

    Args:
        weight: int8 [out_features, in_features].
        scale: float32 [out_features].
        bias: [out_features] or None.
        dtype: Type of activations and results.
        deterministic: Each row's bits must not depend on the number of rows.
    """
    make = packed_int8_product if multiplies_exactly() else plain_int8_product
    product = make(weight, scale, bias, dtype)
    return tiled(product) if deterministic else product


def plain_int8_product(weight: Tensor, scale: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Matmul:
    """The twin: the same codes in a floating-point type, which holds sums of up to 1040 products exactly."""
    wide = weight.float()

    def apply(x: Tensor) -> Tensor:
        codes, row_scale = quantize_rows(x)
        result = ((codes.float() - MIDDLE) @ wide.T) * scale * row_scale
        return (result if bias is None else result + bias.float()).to(dtype)

    return apply


def packed_int8_product(weight: Tensor, scale: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Matmul:
    """oneDNN's product of bytes over a weight in its own blocked layout; the plain weight is not kept."""
    multiply = packed_codes_product(weight, scale)

    def apply(x: Tensor) -> Tensor:
        codes, row_scale = quantize_rows(x.reshape(-1, x.shape[-1]))
        result = multiply(codes)
        result = result.mul_(row_scale) if bias is None else torch.addcmul(bias.float(), result, row_scale)
        return result.to(dtype).view(*x.shape[:-1], result.shape[-1])

    return apply


def packed_codes_product(weight: Tensor, scale: Tensor) -> Matmul:
    """uint8 codes [rows, in_features] around `MIDDLE` -> float32 [rows, out_features], scaled by ``scale``."""
    blocked = torch.ops.onednn.qlinear_prepack(weight.contiguous(), None)
    linear = torch.ops.onednn.qlinear_pointwise

    def apply(codes: Tensor) -> Tensor:
        result: Tensor = linear(
            codes, 1.0, MIDDLE, blocked, scale, _WEIGHT_ZERO, None, 1.0, 0, torch.float32, "none", [], ""
        )
        return result

    return apply


def quantize_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """uint8 codes [..., in] around `MIDDLE` and float32 scales [..., 1]: each row's largest magnitude becomes 127."""
    scale = x.abs().amax(dim=-1, keepdim=True).float().clamp_min_(torch.finfo(torch.float32).tiny).div_(INT8_MAX)
    # Added to a value above -127.5, a half makes truncation rounding: one pass less.
    return (x / scale).add_(MIDDLE + 0.5).to(torch.uint8), scale


@cache
def multiplies_exactly() -> bool:
    """Whether this CPU's products of bytes are fast, having the instructions, and exact, tried on the largest ones."""
    if not (torch._C._has_mkldnn and torch.cpu._is_vnni_supported()):
        return False
    rows, inputs = _PROBE
    weight = torch.full((rows, inputs), INT8_MAX, dtype=torch.int8)
    codes = torch.full((rows, inputs), 2 * MIDDLE - 1, dtype=torch.uint8)
    product = packed_codes_product(weight, torch.ones(rows))(codes)
    return bool((product == float(INT8_MAX * INT8_MAX * inputs)).all())
