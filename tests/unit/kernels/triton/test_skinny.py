"""Products of few rows equal their twins, and these torch's linear and the layers for a CPU."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sgl.kernels.int8 import plain_int8_product
from sgl.kernels.triton.skinny import skinny, skinny_fp8, skinny_int8
from sgl.kernels.twins import skinny as twins

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
SHAPES = [(1, 16, 128), (3, 37, 200), (8, 20, 96), (11, 5, 7)]
"""Rows, outputs, columns: whole steps and not, more rows than a program takes."""


def close(result: Tensor, wanted: Tensor) -> None:
    """Both were computed in float32 and rounded once."""
    assert result.dtype == wanted.dtype
    tight = {torch.float32: 2e-6, torch.float16: 1e-3, torch.bfloat16: 8e-3}[wanted.dtype]
    scale = float(wanted.float().abs().max())
    torch.testing.assert_close(result.float(), wanted.float(), rtol=tight, atol=tight * scale)


def among_nan(tensor: Tensor) -> Tensor:
    """A view with memory around its rows and behind the last one that must not be read."""
    rows, columns = tensor.shape
    whole = torch.full((rows + 2, columns + 16), float("nan"), dtype=tensor.dtype)
    whole[1:-1, 8:-8] = tensor
    return whole[1:-1, 8:-8]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rows", "outputs", "columns"), SHAPES)
def test_skinny_is_its_twin(rows: int, outputs: int, columns: int, dtype: torch.dtype) -> None:
    torch.manual_seed(rows)
    x, weight = torch.randn(rows, columns).to(dtype), torch.randn(outputs, columns).to(dtype)
    bias = torch.randn(outputs).to(dtype) if rows % 2 else None
    result = skinny(among_nan(x), among_nan(weight), bias)
    close(result, twins.skinny(x, weight, bias))
    close(twins.skinny(x, weight, bias), torch.nn.functional.linear(x, weight, bias))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("block", [None, 32])
def test_fp8_weights(dtype: torch.dtype, block: int | None) -> None:
    torch.manual_seed(0)
    x, codes = torch.randn(3, 200).to(dtype), (torch.randn(37, 200) * 50).to(torch.float8_e4m3fn)
    scale = torch.rand(37) if block is None else torch.rand(2, 7)
    bias = torch.randn(37).to(dtype)
    close(
        skinny_fp8(x, codes, scale, bias, block=block or 128),
        twins.skinny_fp8(x, codes, scale, bias, block=block or 128),
    )


def test_every_finite_fp8_code_is_exact() -> None:
    codes = torch.arange(256, dtype=torch.uint8)
    codes = codes[(codes & 127) != 127].view(torch.float8_e4m3fn)
    result = skinny_fp8(torch.ones(1, 1), codes[:, None], torch.ones(len(codes)))
    assert torch.equal(result[0], codes.float())


def test_int8_weights() -> None:
    torch.manual_seed(0)
    codes, scale = torch.randint(-128, 128, (37, 200), dtype=torch.int8), torch.rand(37)
    x, bias = torch.randn(3, 200), torch.randn(37)
    close(skinny_int8(x, codes, scale, bias), twins.skinny_int8(x, codes, scale, bias))
    # The layer for a CPU rounds activations as well, so whole numbers with a largest one of 127 are what both have.
    whole = torch.randint(-126, 127, (3, 200)).float()
    whole[:, 0] = 127
    close(twins.skinny_int8(whole, codes, scale, bias), plain_int8_product(codes, scale, bias, torch.float32)(whole))


def test_a_row_does_not_depend_on_others() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(11, 300), torch.randn(20, 300)
    whole = skinny(x, weight)
    assert all(torch.equal(skinny(x[:count], weight), whole[:count]) for count in (1, 2, 8))
    assert skinny(x[:0], weight).shape == (0, 20)
