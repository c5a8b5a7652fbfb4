"""Products in fixed tiles, and of codes by codes, equal their twins and depend on nothing but the row."""

from __future__ import annotations

import pytest
import torch

from sgl.kernels.triton.expand import expand
from sgl.kernels.triton.fp8 import block_fp8_matmul, fp8_matmul
from sgl.kernels.triton.int8 import int8_matmul
from sgl.kernels.triton.skinny import FP8, INT8
from sgl.kernels.triton.tile import tile_matmul
from sgl.kernels.triton.widen import E4M3_UNIT
from sgl.kernels.twins import expand as expand_twins
from sgl.kernels.twins import fp8 as fp8_twins
from sgl.kernels.twins import int8 as int8_twins
from sgl.kernels.twins import tile as twins
from tests.unit.kernels.triton.test_skinny import DTYPES, among_nan, close


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rows", "outputs", "columns"), [(1, 37, 64), (19, 70, 100)])
def test_tile_matmul_is_its_twin(rows: int, outputs: int, columns: int, dtype: torch.dtype) -> None:
    torch.manual_seed(rows)
    x, weight = torch.randn(rows, columns).to(dtype), torch.randn(outputs, columns).to(dtype)
    bias = torch.randn(outputs).to(dtype) if rows == 1 else None
    close(tile_matmul(among_nan(x), among_nan(weight), bias), twins.tile_matmul(x, weight, bias))


def test_a_row_does_not_depend_on_others() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(150, 40), torch.randn(20, 40)
    whole = tile_matmul(x, weight)
    assert all(torch.equal(tile_matmul(x[-count:], weight), whole[-count:]) for count in (1, 17, 33))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_fp8_by_fp8(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(19, 300).to(torch.float8_e4m3fn), torch.randn(150, 300).to(torch.float8_e4m3fn)
    x_scale, scale, bias = torch.rand(19), torch.rand(150), torch.randn(150).to(dtype)
    result = fp8_matmul(x, x_scale, weight, scale, bias, dtype)
    close(result, fp8_twins.fp8_matmul(x, x_scale, weight, scale, bias, dtype))
    assert torch.equal(fp8_matmul(x[3:4], x_scale[3:4], weight, scale, bias, dtype, fixed=True), result[3:4])
    x_blocks, blocks = torch.rand(19, 3), torch.rand(2, 3)
    result = block_fp8_matmul(x, x_blocks, weight, blocks, bias, dtype)
    close(result, fp8_twins.block_fp8_matmul(x, x_blocks, weight, blocks, bias, dtype))


def test_the_twin_of_fp8_is_the_product_of_torch() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(16, 32).to(torch.float8_e4m3fn), torch.randn(16, 32).to(torch.float8_e4m3fn)
    x_scale, scale = torch.rand(16), torch.rand(16)
    wanted = torch._scaled_mm(
        x, weight.T, scale_a=torch.ones(1), scale_b=torch.ones(1), out_dtype=torch.float32
    ) * torch.outer(x_scale, scale)
    close(fp8_twins.fp8_matmul(x, x_scale, weight, scale, None, torch.float32), wanted)


def test_int8_by_int8_is_exact() -> None:
    torch.manual_seed(0)
    x = torch.randint(-128, 128, (19, 300), dtype=torch.int8)
    weight = torch.randint(-128, 128, (50, 300), dtype=torch.int8)
    ones = torch.ones(50)
    result = int8_matmul(x, torch.ones(19), weight, ones, None, torch.float32)
    assert torch.equal(result, (x.int() @ weight.int().T).float())
    x_scale, scale, bias = torch.rand(19), torch.rand(50), torch.randn(50)
    wanted = int8_twins.int8_matmul(x, x_scale, weight, scale, bias, torch.float32)
    close(int8_matmul(x, x_scale, weight, scale, bias, torch.float32), wanted)


@pytest.mark.parametrize("group", [None, 32])
def test_expanding_codes(group: int | None) -> None:
    torch.manual_seed(0)
    shape = (70, 200)
    codes = (torch.randn(shape) * 50).to(torch.float8_e4m3fn)
    scale = torch.rand(70) if group is None else torch.rand(3, 7)
    height = 1 if group is None else 32
    result = expand(codes.view(torch.int8), FP8, scale, torch.float32, group=group, height=height, unit=E4M3_UNIT)
    close(result, expand_twins.expand(codes, scale, torch.float32, group=group, height=height))
    if group is not None:
        numbers, zero = torch.randint(-128, 128, shape, dtype=torch.int8), torch.randn(3, 7)
        result = expand(numbers, INT8, scale, torch.bfloat16, zero=zero, group=group, height=height)
        wanted = expand_twins.expand(numbers, scale, torch.bfloat16, zero=zero, group=group, height=height)
        close(result, wanted)
