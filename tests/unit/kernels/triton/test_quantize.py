"""Activations in 8 bits: kernels against twins, and these against torch's conversions and `sgl.kernels.int8`."""

from __future__ import annotations

from typing import Final

import pytest
import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.int8 import MIDDLE, quantize_rows
from sgl.kernels.triton import quantize
from sgl.kernels.triton.codes import rounded
from sgl.kernels.twins import quantize as twin
from tests.unit.kernels.triton.padded import among_nan

DTYPES: Final = (torch.float32, torch.bfloat16, torch.float16)
each_dtype: Final = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@triton.jit
def round_all(x: tl.tensor, out: tl.tensor, FP8: tl.constexpr, SIZE: tl.constexpr) -> None:
    index = tl.arange(0, SIZE)
    tl.store(out + index, rounded(tl.load(x + index), FP8, False))


def rounded_by_kernel(x: Tensor, *, fp8: bool) -> Tensor:
    out = torch.empty(len(x), dtype=torch.int8)
    round_all[(1,)](x, out, FP8=fp8, SIZE=len(x))
    return out


def drawn(tokens: int, width: int, dtype: torch.dtype) -> Tensor:
    torch.manual_seed(width)
    x = torch.randn(tokens, width) * torch.logspace(-3, 2, tokens)[:, None]
    x[0] = 0
    return x.to(dtype)


def test_rounding_to_fp8_is_torchs_for_every_tie_and_its_neighbours() -> None:
    numbers = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).float()
    numbers = numbers[numbers.isfinite()].sort().values
    middles = (numbers[1:] + numbers[:-1]) / 2
    x = torch.cat([numbers, middles, middles.nextafter(numbers[1:]), middles.nextafter(numbers[:-1])])
    x = torch.cat([x, torch.tensor([1e-30, -1e-30, 448.0001, -448.0001])])
    x = torch.cat([x, torch.zeros(1024 - len(x))])
    expected = x.clamp(-448, 448).to(torch.float8_e4m3fn).view(torch.int8)
    assert torch.equal(rounded_by_kernel(x, fp8=True), expected)


def test_rounding_to_int8_is_torchs_for_every_tie() -> None:
    x = torch.arange(-254, 255).float() / 2
    x = torch.cat([x, torch.zeros(512 - len(x))])
    assert torch.equal(rounded_by_kernel(x, fp8=False), x.round().to(torch.int8))


@each_dtype
@pytest.mark.parametrize("width", [100, 4200])
def test_rows_are_their_twins(width: int, dtype: torch.dtype) -> None:
    x = drawn(3, width, dtype)
    for kernel, plain in ((quantize.per_token_fp8, twin.per_token_fp8), (quantize.per_token_int8, twin.per_token_int8)):
        codes, scale = kernel(among_nan(x))
        expected, expected_scale = plain(x)
        assert codes.dtype == expected.dtype
        assert torch.equal(codes.view(torch.int8), expected.view(torch.int8))
        assert torch.equal(scale, expected_scale)


@each_dtype
@pytest.mark.parametrize(("width", "group"), [(256, 128), (300, 128), (90, 32)])
def test_groups_are_their_twin(width: int, group: int, dtype: torch.dtype) -> None:
    x = drawn(2, width, dtype)
    codes, scale = quantize.per_group_fp8(among_nan(x), group)
    expected, expected_scale = twin.per_group_fp8(x, group)
    assert torch.equal(codes.view(torch.int8), expected.view(torch.int8))
    assert torch.equal(scale, expected_scale)
    back = codes.float() * scale.repeat_interleave(group, dim=1)[:, :width]
    torch.testing.assert_close(back, x.float(), rtol=2**-4, atol=float(scale.max()) * 2**-10)


def test_many_groups_take_several_programs() -> None:
    x = drawn(2, 9 * 128, torch.float32)
    codes, scale = quantize.per_group_fp8(x)
    assert torch.equal(scale, twin.per_group_fp8(x)[1])
    assert torch.equal(codes.view(torch.int8), twin.per_group_fp8(x)[0].view(torch.int8))


def test_int8_twin_is_what_products_on_a_cpu_take() -> None:
    x = drawn(4, 500, torch.bfloat16)[1:]
    codes, scale = twin.per_token_int8(x)
    unsigned, expected_scale = quantize_rows(x)
    torch.testing.assert_close(scale, expected_scale[:, 0])
    apart = (codes.int() - (unsigned.int() - MIDDLE)).abs()
    # The one multiplies by the inverse and the other divides: a tie may fall to either side.
    assert apart.max() <= 1
    assert apart.float().mean() < 0.01


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_what_is_not_finite_stays_so(bad: float) -> None:
    x = drawn(3, 128, torch.float32)
    x[1, 5] = bad
    for codes, scale in (quantize.per_token_fp8(x), quantize.per_token_int8(x)):
        assert scale.isfinite().tolist() == [True, False, True]
        assert not (codes.float() * scale[:, None])[1, 5].isfinite()
    assert not quantize.per_group_fp8(x)[1][1].isfinite()


def test_no_rows_are_no_launch() -> None:
    assert quantize.per_token_fp8(torch.empty(0, 8))[0].shape == (0, 8)
    assert quantize.per_group_fp8(torch.empty(0, 8))[1].shape == (0, 1)
