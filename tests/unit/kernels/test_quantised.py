"""Products of quantised weights: each fast way equals its plain twin, and that equals the arithmetic written out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from sgl.kernels.int4 import (
    EXPAND_FROM_ROWS,
    expanded_product,
    int4_product,
    packed_int4_product,
    plain_grouped_product,
)
from sgl.kernels.int8 import (
    int8_product,
    multiplies_exactly,
    packed_int8_product,
    plain_int8_product,
    quantize_rows,
)
from sgl.kernels.int8_group import (
    int8_group_product,
    plain_int8_group_product,
    split_rows,
    two_bytes_product,
    two_planes_product,
)

ROWS = (1, 3, 16, EXPAND_FROM_ROWS, 200)
DTYPES = (torch.float32, torch.bfloat16)
ROUNDING = 4e-3
"""bfloat16 activations, scales and results of the 4-bit kernel, in a float32 model, too."""

pytestmark = pytest.mark.filterwarnings("error")
needs_exact_bytes = pytest.mark.skipif(not multiplies_exactly(), reason="this CPU does not multiply bytes exactly")


def grouped(outputs: int, inputs: int, groups: int, most: int, *, zeros: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Codes, scales and zero points."""
    codes = torch.randint(0, most + 1, (outputs, inputs), dtype=torch.uint8)
    scale = torch.rand(outputs, groups) / (most * inputs**0.5) + 1e-4
    zero = torch.randint(0, most + 1, (outputs, groups)).float() if zeros else torch.full_like(scale, (most + 1) // 2)
    return codes, scale, zero


def written_out(codes: Tensor, scale: Tensor, zero: Tensor, order: Tensor | None) -> Tensor:
    """W in float64, weight by weight's own formula."""
    group = codes.shape[1] // scale.shape[1]
    columns = [
        (codes[:, column].double() - zero[:, column // group]) * scale[:, column // group]
        for column in range(codes.shape[1])
    ]
    weight = torch.empty(codes.shape, dtype=torch.float64)
    for column, values in enumerate(columns):
        weight[:, column if order is None else int(order[column])] = values
    return weight


def close(result: Tensor, wanted: Tensor, share: float) -> None:
    """Off by no more than a share of the magnitude (root mean square)."""
    assert result.shape == wanted.shape
    assert (result.double() - wanted.double()).norm() <= share * wanted.double().norm()


@needs_exact_bytes
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("outputs", "inputs"), [(1, 1), (33, 7), (96, 64), (130, 129), (1500, 1400)])
def test_int8_by_packed_bytes_is_its_twin(outputs: int, inputs: int, dtype: torch.dtype, rows: int, bias: bool) -> None:
    torch.manual_seed(outputs)
    weight = torch.randint(-127, 128, (outputs, inputs), dtype=torch.int8)
    scale, offset = torch.rand(outputs) / 100, torch.randn(outputs).to(dtype) if bias else None
    x = torch.randn(rows, inputs).to(dtype)
    wanted = plain_int8_product(weight, scale, offset, dtype)(x)
    result = packed_int8_product(weight, scale, offset, dtype)(x)
    assert result.dtype == dtype
    # Whole numbers are exact in both; scales are applied in another order, in bfloat16 to what was rounded before.
    close(result, wanted, {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 3 * 2**-9}[dtype])


def test_int8_rounds_activations_row_by_row() -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 64) * torch.tensor([[1e-3], [1.0], [1e3], [1.0], [0.0]])
    codes, scale = quantize_rows(x)
    assert codes.dtype == torch.uint8
    assert torch.equal(codes[4], torch.full((64,), 128, dtype=torch.uint8)), "a row of zeros stays one"
    whole = codes.double() - 128
    assert whole.abs().amax(-1)[:4].eq(127).all()
    assert ((whole * scale - x).abs() <= scale / 2 * (1 + 1e-5)).all()
    weight, weight_scale = torch.randint(-127, 128, (32, 64), dtype=torch.int8), torch.rand(32)
    wanted = (whole * scale) @ (weight.double() * weight_scale.unsqueeze(1)).T
    for deterministic in (False, True):
        result = int8_product(weight, weight_scale, None, torch.float32, deterministic=deterministic)(x)
        torch.testing.assert_close(result.double(), wanted, rtol=1e-5, atol=1e-6)


@needs_exact_bytes
def test_bytes_of_the_largest_magnitude_do_not_saturate() -> None:
    weight = torch.full((64, 256), 127, dtype=torch.int8)
    weight[1::2] = -127
    x = torch.ones(2, 256)
    x[1, ::2] = -1
    result = packed_int8_product(weight, torch.ones(64), None, torch.float32)(x)
    assert torch.equal(result[0, :2], torch.tensor([127.0 * 256, -127.0 * 256]))
    assert torch.equal(result[1], torch.zeros(64))


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("groups", "ordered"), [(1, False), (2, True), (4, False), (8, True), (16, False)])
def test_int4_by_packed_codes_is_its_twin(groups: int, ordered: bool, dtype: torch.dtype, rows: int) -> None:
    """512 inputs: groups of 512 (two of the kernel's), 256, 128, 64 and 32."""
    torch.manual_seed(groups)
    codes, scale, zero = grouped(192, 512, groups, 15, zeros=ordered)
    order = torch.randperm(512) if ordered else None
    offset = torch.randn(192).to(dtype) if groups == 2 else None
    x = torch.randn(rows, 512).to(dtype)
    wanted = plain_grouped_product(codes, scale, zero, offset, torch.float32, order=order)(x.float())
    result = packed_int4_product(codes, scale, zero, offset, dtype, order=order)(x)
    assert result.dtype == dtype
    close(result, wanted, ROUNDING)


def test_the_twin_of_groups_is_the_formula_and_so_is_the_expanded_way() -> None:
    torch.manual_seed(0)
    codes, scale, zero = grouped(24, 48, 3, 15, zeros=True)
    order, x, bias = torch.randperm(48), torch.randn(4, 48), torch.randn(24)
    wanted = x.double() @ written_out(codes, scale, zero, order).T + bias
    close(plain_grouped_product(codes, scale, zero, bias, torch.float32, order=order)(x), wanted, 1e-6)
    for deterministic in (False, True):
        options: dict[str, Any] = {"order": order, "deterministic": deterministic}
        close(expanded_product(codes, scale, zero, bias, torch.float32, **options)(x), wanted, 1e-6)
        # No width of the kernel's: not packed, and as exact.
        close(int4_product(codes, scale, zero, bias, torch.float32, **options)(x), wanted, 1e-6)


@needs_exact_bytes
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("outputs", "inputs", "ordered"), [(33, 7, True), (96, 64, False), (130, 129, True)])
def test_int8_weights_alone_by_two_bytes_are_their_twin(
    outputs: int, inputs: int, ordered: bool, dtype: torch.dtype, rows: int
) -> None:
    torch.manual_seed(rows)
    codes, scale, zero = grouped(outputs, inputs, 1, 255, zeros=ordered)
    order, offset = torch.randperm(inputs) if ordered else None, torch.randn(outputs).to(dtype)
    x = torch.randn(rows, inputs).to(dtype)
    wanted = plain_int8_group_product(codes, scale, zero, offset, torch.float32, order=order)(x.float())
    result = two_bytes_product(codes, scale, zero, offset, dtype, order=order)(x)
    close(result, wanted, 1e-4 if dtype == torch.float32 else 4e-3)


def test_two_bytes_hold_fifteen_bits() -> None:
    torch.manual_seed(0)
    x = torch.randn(7, 300)
    split, scale = split_rows(x)
    coarse, fine = (split.double() - 128).chunk(2)
    assert ((scale * (coarse + fine / 254) - x).abs() <= scale / 508 * (1 + 1e-3)).all()


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("groups", "ordered"), [(2, True), (4, False), (16, True)])
def test_int8_in_groups_by_two_planes_is_its_twin(groups: int, ordered: bool, dtype: torch.dtype, rows: int) -> None:
    torch.manual_seed(groups)
    codes, scale, zero = grouped(128, 512, groups, 255, zeros=ordered)
    order = torch.randperm(512) if ordered else None
    x = torch.randn(rows, 512).to(dtype)
    wanted = plain_int8_group_product(codes, scale, zero, None, torch.float32, order=order)(x.float())
    result = two_planes_product(codes, scale, zero, None, dtype, order=order)(x)
    close(result, wanted, 5e-3)


@pytest.mark.parametrize("dtype", [*DTYPES, torch.float16])
@pytest.mark.parametrize("way", ["int8", "int4", "int4 plain", "int8 group", "int8 planes"])
def test_deterministic_rows_do_not_depend_on_their_number(way: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.randn(70, 512).to(dtype)
    if way == "int8":
        weight = torch.randint(-127, 128, (512, 512), dtype=torch.int8)
        product = int8_product(weight, torch.rand(512) / 100, None, dtype, deterministic=True)
    else:
        groups = {"int4": 4, "int4 plain": 512, "int8 group": 1, "int8 planes": 4}[way]
        make = int4_product if way.startswith("int4") else int8_group_product
        codes, scale, zero = grouped(512, 512, groups, 15 if way.startswith("int4") else 255, zeros=True)
        product = make(codes, scale, zero, None, dtype, order=None, deterministic=True)
    whole = product(x)
    for start, stop in ((0, 1), (5, 7), (3, 19), (17, 50), (1, 70)):
        assert torch.equal(product(x[start:stop].contiguous()), whole[start:stop])


def test_any_leading_shape_is_kept() -> None:
    codes, scale, zero = grouped(64, 512, 4, 15, zeros=True)
    x = torch.randn(2, 3, 512)
    for product in (
        packed_int4_product(codes, scale, zero, None, torch.float32),
        int8_group_product(codes, scale[:, :1], zero[:, :1], None, torch.float32, deterministic=False),
        int8_product(codes.view(torch.int8), scale[:, 0], None, torch.float32, deterministic=False),
    ):
        assert product(x).shape == (2, 3, 64)
        assert product(x[:0, 0]).shape == (0, 64)
