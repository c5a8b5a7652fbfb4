"""The products that layers are given: each equals the one for a CPU, at few rows and at many."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from sgl.kernels.int4 import plain_grouped_product
from sgl.kernels.int8 import plain_int8_product
from sgl.kernels.matmul import Matmul, plain
from sgl.kernels.triton import product
from sgl.kernels.twins.expand import over_blocks

INPUTS, OUTPUTS = 256, 24
ROWS = (1, 9, 70)
"""Up to 8 rows, up to 64, and more."""


def grouped(most: int) -> tuple[Tensor, Tensor, Tensor]:
    codes = torch.randint(0, most + 1, (OUTPUTS, INPUTS), dtype=torch.uint8)
    scale = torch.rand(OUTPUTS, 2) / most + 1e-4
    return codes, scale, torch.randint(0, most + 1, scale.shape).float()


def products(deterministic: bool) -> Iterator[tuple[str, Matmul, Matmul, float]]:
    """Name, product, plain product, and how far apart: rounding activations to int8 or FP8 costs what it costs."""
    torch.manual_seed(0)
    bias = torch.randn(OUTPUTS)
    weight = torch.randn(OUTPUTS, INPUTS) / 16
    yield "dense", product.dense_product(weight, bias, deterministic=deterministic), plain(weight, bias), 1e-5
    codes, scale = torch.randint(-127, 128, weight.shape, dtype=torch.int8), torch.rand(OUTPUTS) / 1000
    made = product.int8_product(codes, scale, bias, torch.float32, deterministic=deterministic)
    yield "int8", made, plain_int8_product(codes, scale, bias, torch.float32), 1e-2
    order = torch.randperm(INPUTS)
    makers: tuple[tuple[str, int, Callable[..., Matmul]], ...] = (
        ("int4", 15, product.int4_product),
        ("int8 groups", 255, product.int8_group_product),
    )
    for name, most, make in makers:
        given = grouped(most)
        made = make(*given, bias, torch.float32, order=order, deterministic=deterministic)
        yield name, made, plain_grouped_product(*given, bias, torch.float32, order=order), 1e-5
    codes = (weight * 100).to(torch.float8_e4m3fn)
    for name, scale, block in (
        ("one scale", torch.rand(1), None),
        ("outputs", torch.rand(OUTPUTS, 1), None),
        ("blocks", torch.rand(1, 2), (128, 128)),
        ("other blocks", torch.rand(2, 4), (16, 64)),
    ):
        made = product.fp8_product(codes, scale, block, bias, torch.float32, deterministic=deterministic)
        wide = scale if block is None else over_blocks(scale, codes.shape, *block)
        yield f"fp8 {name}", made, plain(codes.float() * wide, bias), 4e-2


@pytest.mark.parametrize("deterministic", [False, True])
def test_products_are_those_of_a_cpu(deterministic: bool) -> None:
    for name, made, wanted, share in products(deterministic):
        for rows in ROWS:
            x = torch.randn(rows, INPUTS)
            off = (made(x) - wanted(x)).norm() / wanted(x).norm()
            assert off <= share, f"{name}, {rows} rows: {off}"


def test_deterministic_rows_do_not_depend_on_others() -> None:
    for name, made, _, _ in products(True):
        x = torch.randn(9, INPUTS)
        assert torch.equal(made(x)[:1], made(x[:1])), name


def test_leading_shapes_and_groups_that_are_not_packed() -> None:
    torch.manual_seed(0)
    weight = torch.randn(3, 48)
    x = torch.randn(2, 3, 48)
    torch.testing.assert_close(product.dense_product(weight, None, deterministic=False)(x), plain(weight, None)(x))
    codes = torch.randint(0, 16, (3, 48), dtype=torch.uint8)
    scale, zero, order = torch.rand(3, 3), torch.rand(3, 3), torch.randperm(48)
    made = product.int4_product(codes, scale, zero, None, torch.float32, order=order, deterministic=False)
    torch.testing.assert_close(made(x), plain_grouped_product(codes, scale, zero, None, torch.float32, order=order)(x))
