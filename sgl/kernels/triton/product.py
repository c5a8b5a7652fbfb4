"""How ``x @ weight.T + bias`` is computed on a GPU, decided once per weight when loading ends.

The counterparts of `sgl.kernels.matmul`, `int8`, `int4` and `int8_group`, with their signatures: weights are on the
device already, x is of any leading shape. Up to `MOST_ROWS` rows what counts is to read the weight once, at full speed
(`sgl.kernels.triton.skinny`); for more rows the library multiplies, or codes by codes. Deterministic products take one
kernel and one tile for all counts of rows.

All take an epilogue: kernels of few rows compute it themselves, behind the others comes a kernel of its own.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sgl.kernels.epilogue import Epilogue, EpilogueMatmul
from sgl.kernels.grouped import PackedInt4, PackedInt8Groups, pack_int4, pack_int8_groups, packs_groups
from sgl.kernels.int4 import dequantize
from sgl.kernels.matmul import Matmul
from sgl.kernels.triton.activation import apart
from sgl.kernels.triton.expand import expand
from sgl.kernels.triton.fp8 import block_fp8_matmul, fp8_matmul, multiplies_fp8
from sgl.kernels.triton.int4 import w4a16
from sgl.kernels.triton.int8 import int8_matmul
from sgl.kernels.triton.int8_group import w8a16
from sgl.kernels.triton.quantize import per_group_fp8, per_token_fp8, per_token_int8
from sgl.kernels.triton.skinny import FP8, MOST_ROWS, skinny, skinny_fp8, skinny_int8
from sgl.kernels.triton.tile import SCALE_COLUMNS, tile_matmul
from sgl.kernels.triton.widen import E4M3_UNIT


def dense_product(weight: Tensor, bias: Tensor | None, *, deterministic: bool) -> Matmul:
    """A weight in the type of activations.

    Args:
        weight: [out_features, in_features].
        bias: [out_features] or None, of the same dtype.
        deterministic: Each row's bits must not depend on the number of rows.
    """

    def multiply(rows: Tensor, epilogue: Epilogue | None) -> Tensor:
        if deterministic:
            return apart(tile_matmul(rows, weight, bias, dependent=True), epilogue, dependent=True)
        if len(rows) <= MOST_ROWS:
            return skinny(rows, weight, bias, epilogue=epilogue, dependent=True)
        return apart(F.linear(rows, weight, bias), epilogue, dependent=True)

    return EpilogueMatmul(multiply)


def int8_product(
    weight: Tensor, scale: Tensor, bias: Tensor | None, dtype: torch.dtype, *, deterministic: bool
) -> Matmul:
    """int8 weights, one scale per output; see `sgl.kernels.int8.int8_product`.

    Few rows are multiplied as they are; of more, activations are made int8 row by row. Deterministic products make all
    of them so, which sums exactly.
    """

    def multiply(rows: Tensor, epilogue: Epilogue | None) -> Tensor:
        if len(rows) <= MOST_ROWS and not deterministic:
            return skinny_int8(rows, weight, scale, bias, epilogue=epilogue, dependent=True)
        codes, row_scale = per_token_int8(rows, dependent=True)
        return apart(int8_matmul(codes, row_scale, weight, scale, bias, dtype), epilogue, dependent=True)

    return EpilogueMatmul(multiply)


def int4_product(
    codes: Tensor,
    scale: Tensor,
    zero: Tensor,
    bias: Tensor | None,
    dtype: torch.dtype,
    *,
    order: Tensor | None = None,
    deterministic: bool,
) -> Matmul:
    """4-bit weights in groups; see `sgl.kernels.int4.int4_product`."""
    if not packs_groups(codes.shape[1], scale.shape[1]):
        return _expanded(codes, scale, zero, bias, dtype, order=order, deterministic=deterministic)
    return packed_int4_product(pack_int4(codes, scale, zero, dtype, order=order), bias, deterministic=deterministic)


def packed_int4_product(packed: PackedInt4, bias: Tensor | None, *, deterministic: bool) -> Matmul:
    """Of a weight that is packed already."""

    def multiply(rows: Tensor, epilogue: Epilogue | None) -> Tensor:
        return w4a16(rows, packed, bias, epilogue=epilogue, fixed=deterministic, dependent=True)

    return EpilogueMatmul(multiply)


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
    """8-bit weights in groups; see `sgl.kernels.int8_group.int8_group_product`."""
    if not packs_groups(codes.shape[1], scale.shape[1]):
        return _expanded(codes, scale, zero, bias, dtype, order=order, deterministic=deterministic)
    packed: PackedInt8Groups = pack_int8_groups(codes, scale, zero, dtype, order=order)

    def multiply(rows: Tensor, epilogue: Epilogue | None) -> Tensor:
        return w8a16(rows, packed, bias, epilogue=epilogue, fixed=deterministic, dependent=True)

    return EpilogueMatmul(multiply)


def fp8_product(
    codes: Tensor,
    scale: Tensor,
    block: tuple[int, int] | None,
    bias: Tensor | None,
    dtype: torch.dtype,
    *,
    deterministic: bool,
) -> Matmul:
    """E4M3 weights with one scale, one per output, or one per block.

    Few rows are multiplied as they are. More are made FP8 row by row, or 128 elements by 128, where the GPU multiplies
    FP8; elsewhere the weight is expanded in each call.

    Args:
        codes: float8_e4m3fn [out_features, in_features].
        scale: float32 [1], [out_features], [out_features, 1], or one per block.
        block: Outputs and inputs of a block; None where there are no blocks.
        bias: [out_features] or None.
        dtype: Of activations and results.
        deterministic: Each row's bits must not depend on the number of rows.
    """
    if block is not None and block != (SCALE_COLUMNS, SCALE_COLUMNS):
        height, width = block
        scale = scale.repeat_interleave(height, 0)[: len(codes)].repeat_interleave(width, 1)[:, : codes.shape[1]]
        return dense_product((codes.float() * scale).to(dtype), bias, deterministic=deterministic)
    by_block = block is not None
    scale = scale.float().contiguous() if by_block else scale.float().flatten().expand(len(codes)).contiguous()
    quantises = multiplies_fp8(codes.device)

    def multiply(rows: Tensor, epilogue: Epilogue | None) -> Tensor:
        if not quantises if deterministic else len(rows) <= MOST_ROWS:
            return skinny_fp8(rows, codes, scale, bias, epilogue=epilogue, dependent=True)
        return apart(many(rows), epilogue, dependent=True)

    def many(rows: Tensor) -> Tensor:
        if quantises and by_block:
            given, row_scale = per_group_fp8(rows, SCALE_COLUMNS, dependent=True)
            return block_fp8_matmul(given, row_scale, codes, scale, bias, dtype, fixed=deterministic)
        if quantises:
            given, row_scale = per_token_fp8(rows, dependent=True)
            return fp8_matmul(given, row_scale, codes, scale, bias, dtype, fixed=deterministic)
        edge = SCALE_COLUMNS if by_block else None
        bits = codes.view(torch.int8)
        return F.linear(rows, expand(bits, FP8, scale, dtype, group=edge, height=edge or 1, unit=E4M3_UNIT), bias)

    return EpilogueMatmul(multiply)


def _expanded(
    codes: Tensor,
    scale: Tensor,
    zero: Tensor,
    bias: Tensor | None,
    dtype: torch.dtype,
    *,
    order: Tensor | None,
    deterministic: bool,
) -> Matmul:
    """For groups that are not packed: dequantised once."""
    weight = dequantize(codes, scale, zero).to(dtype)
    if order is not None:
        weight = torch.empty_like(weight).index_copy_(1, order, weight)
    return dense_product(weight, None if bias is None else bias.to(dtype), deterministic=deterministic)
