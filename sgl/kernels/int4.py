"""Products of 4-bit weights in groups that share a scale and a zero point; activations stay as they are (W4A16).

`packed_int4_product` holds half a byte per weight. Few rows are multiplied by torch's kernel, which never makes the
weight larger; it computes in float32 from bfloat16 activations, scales and zero points and returns bfloat16, so in a
float32 model these are rounded, too: 0.2 % of a product's magnitude (root mean square), where the 4-bit weights
themselves are off by 5 to 10 %. (It takes float32 as well, but a hundred times slower.) For many rows each call
expands the weight, a block of outputs at a time so that it stays in the cache, and multiplies in ``dtype``.
Microseconds per call, one thread of a Xeon with AMX, weight 6144 x 1024 in groups of 128, other weights in between:

    rows   bfloat16 packed   float32 packed   the kernel   expanded, bfloat16   expanded, float32
       1        1320              2640             560           10900                 9900
       4        1270              2800             860           11000                10300
      16        1550              3950            3260           11300                10900
      64        1710              9140           13200           13500                17400
     512        7790             54200               -           19000                62700

The best of three runs on a busy machine. So it beats bfloat16 up to 4 rows, and float32 up to 16. Beyond, what 4 bits
gain here is memory: a prompt of 512 tokens pays 9 of 19 ms for expanding. Where a CPU has no AMX, bfloat16 takes 17700
at 16 rows, and the kernel wins longer.
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from sgl.config.int4 import KERNEL_OUTPUTS, is_packed_int4, kernel_group
from sgl.kernels.matmul import Matmul, choose_matmul, tiled

EXPAND_FROM_ROWS: Final = 64
"""From here on expanding costs less than what the kernel takes for more rows."""
EXPANDED_ELEMENTS: Final = 1 << 18
"""Weights expanded at a time: 0.5 or 1 MB."""
PACKED_AT_ONCE: Final = 1 << 22
"""Codes that are packed at a time."""
MIDDLE: Final = 8
"""The code that the kernel takes for 0 before the zero point is added."""


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
    """Prepares one weight: ``W[o, order[i]] = (codes[o, i] - zero[o, g(i)]) * scale[o, g(i)]``.

    Args:
        codes: uint8 [out_features, columns] of 0..15.
        scale: float32 [out_features, groups]; groups are of equal size.
        zero: float32 [out_features, groups].
        bias: [out_features] or None.
        dtype: Type of activations and results.
        order: int64 [columns] or None: the input that each column of ``codes`` multiplies.
        deterministic: Each row's bits must not depend on the number of rows.
    """
    outputs, columns = codes.shape
    if not is_packed_int4(outputs, columns, scale.shape[1]):
        return expanded_product(codes, scale, zero, bias, dtype, order=order, deterministic=deterministic)
    product = packed_int4_product(codes, scale, zero, bias, dtype, order=order)
    return tiled(product) if deterministic else product


def expanded_product(
    codes: Tensor,
    scale: Tensor,
    zero: Tensor,
    bias: Tensor | None,
    dtype: torch.dtype,
    *,
    order: Tensor | None = None,
    deterministic: bool,
) -> Matmul:
    """For shapes that are not packed: dequantised once, and multiplied like a weight in ``dtype``."""
    weight = dequantize(codes, scale, zero).to(dtype)
    if order is not None:
        weight = torch.empty_like(weight).index_copy_(1, order, weight)
    return choose_matmul(weight, None if bias is None else bias.to(dtype), deterministic=deterministic)


def plain_grouped_product(
    codes: Tensor, scale: Tensor, zero: Tensor, bias: Tensor | None, dtype: torch.dtype, *, order: Tensor | None = None
) -> Matmul:
    """The twin: dequantised once and held in ``dtype``."""
    weight = dequantize(codes, scale, zero).to(dtype)
    own_bias = None if bias is None else bias.to(dtype)

    def apply(x: Tensor) -> Tensor:
        return F.linear(x if order is None else x.index_select(-1, order), weight, own_bias)

    return apply


def dequantize(codes: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    """float32 [out_features, columns], columns in the order of ``codes``."""
    out_features, groups = scale.shape
    grouped = codes.view(out_features, groups, -1).float()
    return ((grouped - zero.unsqueeze(-1)) * scale.unsqueeze(-1)).view(out_features, -1)


def packed_int4_product(
    codes: Tensor, scale: Tensor, zero: Tensor, bias: Tensor | None, dtype: torch.dtype, *, order: Tensor | None = None
) -> Matmul:
    """Codes in the layout of torch's kernel; `sgl.config.int4.is_packed_int4` says for which shapes."""
    packed = Int4Weight(codes, scale, zero)

    def apply(x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        if order is not None:
            rows = rows.index_select(-1, order)
        multiply = packed.few if len(rows) < EXPAND_FROM_ROWS or not packed.expands else packed.many
        result = multiply(rows).to(dtype)
        if bias is not None:
            result = result.add_(bias)
        return result.view(*x.shape[:-1], result.shape[-1])

    return apply


class Int4Weight:
    """Packed codes [out_features, columns / 2], with scales and offsets [groups, out_features, 2] in bfloat16.

    The kernel's weight is ``(code - 8) * scale + offset``, and its groups may be parts of those asked for.
    """

    def __init__(self, codes: Tensor, scale: Tensor, zero: Tensor) -> None:
        self._outputs, self._columns = codes.shape
        group = kernel_group(self._columns, scale.shape[1])
        assert group is not None, "asked for shapes that is_packed_int4 allows"
        self._group = group
        repeats = self._columns // scale.shape[1] // group
        pairs = torch.stack([scale, (MIDDLE - zero) * scale], dim=-1).repeat_interleave(repeats, dim=1)
        self._pairs = pairs.transpose(0, 1).to(torch.bfloat16).contiguous()
        self._packed = torch.empty((self._outputs, self._columns // 2), dtype=torch.uint8)
        step = max(1, PACKED_AT_ONCE // (self._columns * KERNEL_OUTPUTS)) * KERNEL_OUTPUTS
        for start in range(0, self._outputs, step):
            # Takes 4 bytes per code, so not all at once.
            part = codes[start : start + step].int()
            self._packed[start : start + step] = torch.ops.aten._convert_weight_to_int4pack_for_cpu(part, 1)
        self._block = self._block_of(codes[:KERNEL_OUTPUTS])
        self.expands = self._block > 0
        """Whether the layout is one that `many` knows."""

    def _block_of(self, codes: Tensor) -> int:
        """Outputs of a block as this CPU lays them out, told by the first codes; 0 where it is another layout."""
        for block in (64, 32):
            found = torch.cat(_halves(self._packed[: len(codes)].view(-1, self._columns, block // 2)), dim=-1)
            if torch.equal(found.transpose(1, 2), codes.view(-1, block, self._columns)):
                return block
        return 0

    def few(self, rows: Tensor) -> Tensor:
        """[rows, columns] -> bfloat16 [rows, out_features]."""
        result: Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(
            rows.to(torch.bfloat16).contiguous(), self._packed, self._group, self._pairs
        )
        return result

    def many(self, rows: Tensor) -> Tensor:
        """[rows, columns] -> [rows, out_features] in the type of ``rows``, or in float32 where that is faster."""
        if rows.dtype != torch.float32 and not (rows.dtype == torch.bfloat16 and torch.cpu._is_amx_tile_supported()):
            rows = rows.float()
        result = torch.empty((len(rows), self._outputs), dtype=rows.dtype)
        step = max(1, EXPANDED_ELEMENTS // (self._columns * self._block)) * self._block
        for start in range(0, self._outputs, step):
            stop = min(start + step, self._outputs)
            torch.mm(rows, self._expand(start, stop, rows.dtype), out=result[:, start:stop])
        return result

    def _expand(self, start: int, stop: int, dtype: torch.dtype) -> Tensor:
        """The outputs of whole blocks, as [columns, stop - start]: (code - 8) * scale + offset."""
        block, columns = self._block, self._columns
        # Copied in the order of the result first: bytes in short runs are what takes time here.
        packed = self._packed[start:stop].view(-1, columns, block // 2).transpose(0, 1).contiguous()
        # With its first bit turned, code is code - 8 in four bits with a sign. In the upper half of a byte it is 16
        # times as much, whose sign needs no care, and a sixteenth of the scale is exact.
        signed = packed.bitwise_xor(MIDDLE * 17).view(torch.int8)
        codes = torch.empty((columns, (stop - start) // block, 2, block // 2), dtype=dtype)
        codes[:, :, 0] = signed << 4
        codes[:, :, 1] = signed & -16
        scale, offset = self._pairs[:, start:stop].unsqueeze(1).to(dtype).movedim(-1, 0).contiguous()
        weight = torch.addcmul(offset, codes.view(-1, self._group, stop - start), scale / 16)
        return weight.view(columns, stop - start)


def _halves(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Low and high four bits."""
    return packed & 15, packed >> 4
