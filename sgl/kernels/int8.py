"""Products of int8 weights, one scale per output, with activations made int8 row by row as they come (W8A8).

Whole numbers are multiplied and summed exactly, so a row's result does not depend on what else is computed; the
scales of weight and row come after. Microseconds per call, one thread of a Xeon with AMX, weight 6144 x 1024 rotated
through 75 MB; the two last columns are the same CPU held to AVX512-VNNI (``ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI``):

    rows   bfloat16 packed   torch._int_mm   packed bytes   with rounding, scaling   no AMX: packed bytes   bfloat16
       1         980             1030             630                680                      620              1190
      16        1030             1020             660                760                     1100             17700
      64        1350             1380            1060               1240                     1930             27700
     512        6860            10120            4480               5940                        -                 -

The figures are the best of several runs on a shared machine. Rounding activations and scaling results are passes of
torch over memory, which for many rows take a third of the product's time. `torch._int_mm` lays the weight out afresh in
every call, so the packed way wins at every count of rows.

Two facts of oneDNN 3.12 shape it: signed activations take a way that is 1000 times slower on CPUs without AMX, so
activations are unsigned, 128 being zero; and where a CPU lacks VNNI, pairs of products saturate at 16 bits and results
are wrong by a fifth. `multiplies_exactly` tries that once, and the plain way is taken where it is so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

import torch
from torch import Tensor

from sgl.kernels.matmul import Matmul, tiled

INT8_MAX: Final = 127
"""Symmetric: -128 is not used."""
MIDDLE: Final = 128
"""The unsigned code of 0."""
IN_CACHE: Final = 1 << 18
"""Numbers that are worked on pass by pass before the next ones are taken: 1 MB, which a core's own cache holds."""
ROUNDED_UP: Final = 1 + 2**-7
"""Times this, a number rounded to bfloat16 twice is not less than it was."""
_SMALLEST: Final = torch.tensor(2.0**-100, dtype=torch.bfloat16)
"""The least scale of a row: zeros are divided by it."""
_NO_SIGN: Final = 0x7FFF
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
        codes, row_scale = quantize_rows(x.reshape(-1, x.shape[-1]), _scale_type(dtype))
        result = ((codes.float() - MIDDLE) @ wide.T) * scale * row_scale.float()
        result = result if bias is None else result + bias.float()
        return result.to(dtype).view(*x.shape[:-1], result.shape[-1])

    return apply


def packed_int8_product(weight: Tensor, scale: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Matmul:
    """oneDNN's product of bytes over a weight in its own blocked layout; the plain weight is not kept.

    In bfloat16 results leave the product as such, half as many bytes, and meet their row's scale in place, rounded
    twice. With a bias, which may cancel much of them, they are float32 until it is added.
    """
    multiply = packed_codes_product(weight, scale)
    own = _scale_type(dtype)

    def apply(x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        codes, row_scale = quantize_rows(rows, own)
        if len(rows) == 1:
            # The scale of one row is one number, which the product takes: nothing is left to do after it.
            offset = None if bias is None else bias.float()
            result = multiply(codes, row_scale.item(), offset, own).to(dtype)
        elif own == torch.bfloat16 and bias is None:
            result = multiply(codes, 1.0, None, own).mul_(row_scale)
        else:
            result = scale_rows(multiply(codes, 1.0, None, torch.float32), row_scale.float(), bias, dtype)
        return result.view(*x.shape[:-1], result.shape[-1])

    return apply


def _scale_type(dtype: torch.dtype) -> torch.dtype:
    """What rows' scales are held in for results in ``dtype``."""
    return dtype if dtype == torch.bfloat16 else torch.float32


CodesProduct = Callable[[Tensor, float, Tensor | None, torch.dtype], Tensor]
"""(uint8 codes [rows, in_features] around `MIDDLE`, scale of all of them, float32 bias, float32 or bfloat16)
-> [rows, out_features]"""


def packed_codes_product(weight: Tensor, scale: Tensor) -> CodesProduct:
    """Multiplies codes by an int8 weight [out_features, in_features] with float32 scales [out_features]."""
    blocked = torch.ops.onednn.qlinear_prepack(weight.contiguous(), None)
    linear = torch.ops.onednn.qlinear_pointwise

    def apply(codes: Tensor, codes_scale: float, bias: Tensor | None, dtype: torch.dtype) -> Tensor:
        result: Tensor = linear(
            codes, codes_scale, MIDDLE, blocked, scale, _WEIGHT_ZERO, bias, 1.0, 0, dtype, "none", [], ""
        )
        return result

    return apply


def quantize_rows(x: Tensor, scale_type: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """uint8 codes [rows, in] around `MIDDLE` and scales [rows, 1] in float32 or bfloat16.

    Each row's largest magnitude becomes 127; with a scale in bfloat16, which is rounded up, 126 or 127.
    """
    if x.numel() <= IN_CACHE:
        return _quantize(x, scale_type)
    codes = torch.empty(x.shape, dtype=torch.uint8)
    scale = torch.empty((len(x), 1), dtype=scale_type)
    step = _rows_in_cache(x)
    for start in range(0, len(x), step):
        codes[start : start + step], scale[start : start + step] = _quantize(x[start : start + step], scale_type)
    return codes, scale


def _quantize(x: Tensor, scale_type: torch.dtype) -> tuple[Tensor, Tensor]:
    # Mixed types divide ten times slower than float32, and float32 becomes int8 five times faster than uint8.
    wide = x.float()
    kept = _rounded_up_scale(x) if scale_type == torch.bfloat16 else largest(wide).div_(INT8_MAX)
    scale = kept.float()
    steps = wide / scale if wide is x else wide.div_(scale)
    return to_codes(steps.round_()), kept


def _rounded_up_scale(x: Tensor) -> Tensor:
    """bfloat16 [rows, 1]: not less than a 127th of each row's largest magnitude, and more than 0."""
    # Without their signs, floating-point numbers are ordered as their bits are, and whole numbers compare faster.
    narrow = x.to(torch.bfloat16)
    most = narrow.view(torch.int16).bitwise_and(_NO_SIGN).amax(dim=-1, keepdim=True).view(torch.bfloat16)
    return torch.add(_SMALLEST, most, alpha=ROUNDED_UP / INT8_MAX)


def largest(wide: Tensor) -> Tensor:
    """Largest magnitude of each row of a float32 matrix, [rows, 1]; a row of zeros has a tiny one."""
    return wide.abs().amax(dim=-1, keepdim=True).clamp_min_(torch.finfo(torch.float32).tiny)


def to_codes(whole: Tensor) -> Tensor:
    """Whole numbers of -127..127 in float32 as uint8 codes around `MIDDLE`."""
    return whole.to(torch.int8).bitwise_xor_(-MIDDLE).view(torch.uint8)


def scale_rows(result: Tensor, row_scale: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Tensor:
    """``result * row_scale + bias`` in ``dtype``; overwrites ``result``.

    Args:
        result: float32 [rows, out_features].
        row_scale: float32 [rows, 1].
        bias: [out_features] or None.
    """
    if result.numel() <= IN_CACHE or dtype == torch.float32:
        return _scale(result, row_scale, bias).to(dtype)
    scaled = torch.empty(result.shape, dtype=dtype)
    step = _rows_in_cache(result)
    for own, rows, scale in zip(
        torch.split(scaled, step), torch.split(result, step), torch.split(row_scale, step), strict=True
    ):
        own.copy_(_scale(rows, scale, bias))
    return scaled


def _scale(result: Tensor, row_scale: Tensor, bias: Tensor | None) -> Tensor:
    result.mul_(row_scale)
    return result if bias is None else result.add_(bias)


def _rows_in_cache(x: Tensor) -> int:
    return max(1, IN_CACHE // x.shape[-1])


@cache
def multiplies_exactly() -> bool:
    """Whether this CPU's products of bytes are fast, having the instructions, and exact, tried on the largest ones."""
    if not (torch._C._has_mkldnn and torch.cpu._is_vnni_supported()):
        return False
    rows, inputs = _PROBE
    weight = torch.full((rows, inputs), INT8_MAX, dtype=torch.int8)
    codes = torch.full((rows, inputs), 2 * MIDDLE - 1, dtype=torch.uint8)
    product = packed_codes_product(weight, torch.ones(rows))(codes, 1.0, None, torch.float32)
    return bool((product == float(INT8_MAX * INT8_MAX * inputs)).all())
