"""Weights in groups: packed, multiplied and unpacked as the formula says, which the layers for a CPU wrote down."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sgl.kernels.grouped import PackedInt4, pack_int4, pack_int8_groups
from sgl.kernels.int4 import dequantize
from sgl.kernels.triton.int4 import SKINNY_ROWS, unpack_int4, w4a16
from sgl.kernels.triton.int8_group import unpack_int8_groups, w8a16
from sgl.kernels.twins import int4 as twins
from sgl.kernels.twins import int8_group as byte_twins
from tests.unit.kernels.triton.test_skinny import close

SHAPES = [(1, 37, 256, 8), (9, 20, 256, 4), (3, 20, 384, 3), (2, 16, 200, 1), (2, 18, 288, 3)]
"""Rows, outputs, columns, groups: of 32, 64, 128, all of an odd number, and 96 columns."""


def grouped(outputs: int, columns: int, groups: int, most: int, zeros: str) -> tuple[Tensor, Tensor, Tensor]:
    """Codes, scales and zero points: the middle, whole numbers, or anything."""
    torch.manual_seed(outputs)
    codes = torch.randint(0, most + 1, (outputs, columns), dtype=torch.uint8)
    scale = torch.rand(outputs, groups) / most + 1e-4
    zero = {
        "middle": torch.full_like(scale, (most + 1) // 2),
        "whole": torch.randint(0, most + 1, scale.shape).float(),
        "any": torch.randn_like(scale) * most,
    }[zeros]
    return codes, scale, zero


@pytest.mark.parametrize("zeros", ["middle", "whole", "any"])
@pytest.mark.parametrize(("rows", "outputs", "columns", "groups"), SHAPES)
def test_w4a16_is_its_twin_and_the_formula(rows: int, outputs: int, columns: int, groups: int, zeros: str) -> None:
    codes, scale, zero = grouped(outputs, columns, groups, 15, zeros)
    x, bias = torch.randn(rows, columns), torch.randn(outputs)
    packed = pack_int4(codes, scale, zero, torch.float32)
    assert (packed.zero is None) == (zeros == "middle")
    wanted = twins.w4a16(x, packed, bias)
    torch.testing.assert_close(w4a16(x, packed, bias), wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()))
    torch.testing.assert_close(unpack_int4(packed), twins.unpack_int4(packed))
    torch.testing.assert_close(twins.unpack_int4(packed), dequantize(codes, scale, zero))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_and_order(dtype: torch.dtype) -> None:
    codes, scale, zero = grouped(20, 256, 2, 15, "whole")
    order = torch.randperm(256)
    packed = pack_int4(codes, scale, zero, dtype, order=order)
    x, bias = torch.randn(3, 256).to(dtype), torch.randn(20).to(dtype)
    close(w4a16(x, packed, bias), twins.w4a16(x, packed, bias))
    weight = torch.empty(20, 256).index_copy_(1, order, dequantize(codes, scale, zero))
    close(twins.w4a16(x, packed, bias), torch.nn.functional.linear(x.float(), weight, bias.float()).to(dtype))
    assert torch.equal(unpack_int4(packed), twins.unpack_int4(packed))


def test_many_rows_are_the_same_product() -> None:
    codes, scale, zero = grouped(20, 128, 1, 15, "whole")
    packed = pack_int4(codes, scale, zero, torch.float32)
    x = torch.randn(SKINNY_ROWS + 1, 128)
    close(w4a16(x, packed), twins.w4a16(x, packed))


def test_fixed_rows_do_not_depend_on_others() -> None:
    codes, scale, zero = grouped(20, 256, 2, 15, "any")
    packed = pack_int4(codes, scale, zero, torch.float32)
    x = torch.randn(SKINNY_ROWS + 1, 256)
    whole = w4a16(x, packed, fixed=True)
    assert all(torch.equal(w4a16(x[:count], packed, fixed=True), whole[:count]) for count in (1, 9))


@pytest.mark.parametrize("zeros", ["middle", "any"])
@pytest.mark.parametrize(("rows", "columns", "groups"), [(3, 256, 8), (1, 256, 2), (2, 200, 1), (33, 96, 3)])
def test_w8a16_is_its_twin_and_the_formula(rows: int, columns: int, groups: int, zeros: str) -> None:
    codes, scale, zero = grouped(20, columns, groups, 255, zeros)
    order = torch.randperm(columns)
    packed = pack_int8_groups(codes, scale, zero, torch.float32, order=order)
    x, bias = torch.randn(rows, columns), torch.randn(20)
    wanted = byte_twins.w8a16(x, packed, bias)
    torch.testing.assert_close(w8a16(x, packed, bias), wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()))
    torch.testing.assert_close(unpack_int8_groups(packed), byte_twins.unpack_int8_groups(packed))
    torch.testing.assert_close(
        byte_twins.unpack_int8_groups(packed), dequantize(codes, scale, zero), rtol=1e-5, atol=1e-5
    )


def test_groups_of_other_sizes_are_refused() -> None:
    codes, scale, zero = grouped(4, 96, 2, 15, "whole")
    with pytest.raises(ValueError, match="96 columns in 2 groups: a group must be a multiple of 32 columns"):
        pack_int4(codes, scale, zero, torch.float32)


def test_a_word_holds_columns_of_one_lane() -> None:
    codes = torch.arange(128, dtype=torch.uint8)[None, :] % 16
    packed: PackedInt4 = pack_int4(codes, torch.ones(1, 1), torch.zeros(1, 1), torch.float32)
    first = int(packed.words[0, 3]) & 0xFFFF
    assert [first >> (4 * plane) & 15 for plane in range(4)] == [int(codes[0, 3 + 32 * plane]) for plane in range(4)]
