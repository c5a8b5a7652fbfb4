"""Products of 8-bit weights in groups that share a scale and a zero point; activations stay as they are (W8A16).

With one group an activation is split into two bytes, coarse and fine, which together are some 15 bits of the row's
largest magnitude (exact to 1.6e-5 of it), and both are rows of one product of bytes (`sgl.kernels.int8`): 2 rows cost
what 1 does. Several groups are two 4-bit weights, ``16 * high + low``, in one product of `sgl.kernels.int4` over
twice the inputs.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from sgl.config.int4 import is_packed_int4
from sgl.kernels.int4 import expanded_product, packed_int4_product, plain_grouped_product
from sgl.kernels.int8 import INT8_MAX, MIDDLE, largest, multiplies_exactly, packed_codes_product, scale_rows, to_codes
from sgl.kernels.matmul import Matmul, tiled

FINE: Final = 2 * INT8_MAX
"""Fine steps in one coarse step."""


def int8_group_product(
    codes: Tensor,
    scale: Tensor,
    zero: Tensor,
    bias: Tensor | None,
    dtype: torch.dtype,
    *,
    order: Tensor | None = None,
    deterministic: bool,
) -> Matmul:
    """As `sgl.kernels.int4.int4_product`, with codes of 0..255."""
    outputs, columns = codes.shape
    groups = scale.shape[1]
    if groups == 1 and multiplies_exactly():
        product = two_bytes_product(codes, scale, zero, bias, dtype, order=order)
    elif is_packed_int4(outputs, 2 * columns, 2 * groups):
        product = two_planes_product(codes, scale, zero, bias, dtype, order=order)
    else:
        return expanded_product(codes, scale, zero, bias, dtype, order=order, deterministic=deterministic)
    return tiled(product) if deterministic else product


def plain_int8_group_product(
    codes: Tensor, scale: Tensor, zero: Tensor, bias: Tensor | None, dtype: torch.dtype, *, order: Tensor | None = None
) -> Matmul:
    """The twin: dequantised once and held in ``dtype``."""
    return plain_grouped_product(codes, scale, zero, bias, dtype, order=order)


def two_bytes_product(
    codes: Tensor, scale: Tensor, zero: Tensor, bias: Tensor | None, dtype: torch.dtype, *, order: Tensor | None = None
) -> Matmul:
    """One group: coarse and fine bytes of activations, in the order of inputs, by one packed weight."""
    if order is not None:
        codes = torch.empty_like(codes).index_copy_(1, order, codes)
    signed = codes.bitwise_xor(MIDDLE).view(torch.int8)
    multiply = packed_codes_product(signed, scale.flatten())
    # (code - zero) * scale = (code - 128) * scale + (128 - zero) * scale: the second part meets the row's sum.
    shift: Tensor | None = ((MIDDLE - zero) * scale).flatten()
    if shift is not None and not shift.any():
        shift = None

    def apply(x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        split, row_scale = split_rows(rows)
        coarse, fine = multiply(split, 1.0, None, torch.float32).chunk(2)
        coarse.add_(fine, alpha=1 / FINE)
        if shift is not None:
            coarse.addcmul_(rows.float().sum(-1, keepdim=True) / row_scale, shift)
        result = scale_rows(coarse, row_scale, bias, dtype)
        return result.view(*x.shape[:-1], result.shape[-1])

    return apply


def split_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """uint8 codes [2 * rows, in] around `MIDDLE`, coarse ones first, and float32 scales [rows, 1].

    ``x = scale * (coarse + fine / 254)``, up to 1/508 of the scale.
    """
    wide = rows.float()
    scale = largest(wide).div_(INT8_MAX)
    steps = wide / scale
    coarse = steps.round()
    fine = steps.sub_(coarse).mul_(FINE).round_()
    return torch.cat([to_codes(coarse), to_codes(fine)]), scale


def two_planes_product(
    codes: Tensor, scale: Tensor, zero: Tensor, bias: Tensor | None, dtype: torch.dtype, *, order: Tensor | None = None
) -> Matmul:
    """Several groups: ``code - zero = 16 * (high - high_zero) + (low - low_zero)``, both of 4 bits."""
    high_zero = torch.div(zero, 16, rounding_mode="floor")
    product = packed_int4_product(
        torch.cat([codes >> 4, codes & 15], dim=1),
        torch.cat([scale * 16, scale], dim=1),
        torch.cat([high_zero, zero - 16 * high_zero], dim=1),
        bias,
        dtype,
    )

    def apply(x: Tensor) -> Tensor:
        columns = x if order is None else x.index_select(-1, order)
        return product(torch.cat([columns, columns], dim=-1))

    return apply
