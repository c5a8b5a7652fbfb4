"""Products with a nonlinearity behind them: in one kernel what two compute, and what the twins and torch say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final
from unittest.mock import Mock

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sgl.kernels.epilogue import Epilogue, EpilogueMatmul
from sgl.kernels.grouped import pack_int4, pack_int8_groups
from sgl.kernels.triton import int4, int8_group, product, skinny
from sgl.kernels.triton.activation import apart
from sgl.kernels.triton.skinny import MOST_ROWS
from sgl.kernels.twins import int4 as int4_twins
from sgl.kernels.twins import int8_group as int8_group_twins
from sgl.kernels.twins import skinny as twins
from sgl.layers.activation import nonlinearity
from tests.unit.kernels.triton.test_int4 import grouped
from tests.unit.kernels.triton.test_skinny import among_nan, close

GATED: Final = (Epilogue("silu", True), Epilogue("gelu_tanh", True), Epilogue("clamped_silu", True))
ALONE: Final = Epilogue("gelu", False)
EPILOGUES: Final = (*GATED, ALONE)
named: Final = pytest.mark.parametrize("epilogue", EPILOGUES, ids=lambda each: each.activation)


@named
@pytest.mark.parametrize(("rows", "outputs", "columns"), [(3, 70, 200), (11, 12, 64)])
def test_plain_weights(rows: int, outputs: int, columns: int, epilogue: Epilogue) -> None:
    torch.manual_seed(rows)
    x, weight, bias = torch.randn(rows, columns), torch.randn(outputs, columns) / 4, torch.randn(outputs)
    got = skinny.skinny(among_nan(x), among_nan(weight), bias, epilogue=epilogue)
    wanted = twins.skinny(x, weight, bias, epilogue=epilogue)
    assert got.shape == (rows, outputs // 2 if epilogue.gated else outputs)
    close(got, wanted)
    close(got, apart(skinny.skinny(x, weight, bias), epilogue))
    close(wanted, nonlinearity(epilogue.activation, gated=epilogue.gated)(F.linear(x, weight, bias)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sums_are_rounded_once(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(2, 128).to(dtype), torch.randn(24, 128).to(dtype)
    close(skinny.skinny(x, weight, epilogue=GATED[0]), twins.skinny(x, weight, epilogue=GATED[0]))


@pytest.mark.parametrize("epilogue", [GATED[0], GATED[2], ALONE], ids=lambda each: each.activation)
def test_weights_of_8_bits(epilogue: Epilogue) -> None:
    torch.manual_seed(0)
    x, bias, codes = torch.randn(3, 200), torch.randn(70), torch.randint(-128, 128, (70, 200), dtype=torch.int8)
    scale, blocks = torch.rand(70) / 100, torch.rand(3, 7) / 100
    close(
        skinny.skinny_int8(x, codes, scale, bias, epilogue=epilogue),
        twins.skinny_int8(x, codes, scale, bias, epilogue=epilogue),
    )
    fp8 = (torch.randn(70, 200) * 50).to(torch.float8_e4m3fn)
    for scales in (scale, blocks):
        close(
            skinny.skinny_fp8(x, fp8, scales, bias, block=32, epilogue=epilogue),
            twins.skinny_fp8(x, fp8, scales, bias, block=32, epilogue=epilogue),
        )


@pytest.mark.parametrize("epilogue", [GATED[0], GATED[2], ALONE], ids=lambda each: each.activation)
def test_weights_in_groups(epilogue: Epilogue) -> None:
    bias, order = torch.randn(70), torch.randperm(256)
    packed = pack_int4(*grouped(70, 256, 2, 15, "any"), torch.float32, order=order)
    bytes_ = pack_int8_groups(*grouped(70, 256, 4, 255, "any"), torch.float32, order=order)
    for rows in (2, int4.SKINNY_ROWS + 1):
        x = torch.randn(rows, 256) / 4
        close(int4.w4a16(x, packed, bias, epilogue=epilogue), int4_twins.w4a16(x, packed, bias, epilogue=epilogue))
        wanted = int8_group_twins.w8a16(x, bytes_, bias, epilogue=epilogue)
        close(int8_group.w8a16(x, bytes_, bias, epilogue=epilogue), wanted)


def products(deterministic: bool) -> Iterator[tuple[str, Callable[..., Tensor]]]:
    """One of each format, of 64 inputs and 48 outputs."""
    torch.manual_seed(0)
    weight, bias = torch.randn(48, 64) / 8, torch.randn(48)
    yield "dense", product.dense_product(weight, bias, deterministic=deterministic)
    codes, scale = torch.randint(-127, 128, weight.shape, dtype=torch.int8), torch.rand(48) / 1000
    yield "int8", product.int8_product(codes, scale, bias, torch.float32, deterministic=deterministic)
    for name, make, groups, most in (
        ("int4 packed", product.int4_product, 2, 15),
        ("int8 packed", product.int8_group_product, 2, 255),
        ("int4 of small groups", product.int4_product, 4, 15),
    ):
        given = grouped(48, 64, groups, most, "whole")
        yield name, make(*given, bias, torch.float32, deterministic=deterministic)
    fp8 = (weight * 100).to(torch.float8_e4m3fn)
    for name, scale, block in (("fp8", torch.rand(48), None), ("fp8 blocks", torch.rand(1, 1), (128, 128))):
        made = product.fp8_product(fp8, scale / 100, block, bias, torch.float32, deterministic=deterministic)
        yield name, made


@pytest.mark.parametrize("deterministic", [False, True])
def test_products_of_every_format_take_one(deterministic: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    own_kernel = Mock(wraps=apart)
    for module in (product, int4, int8_group):
        monkeypatch.setattr(module, "apart", own_kernel)
    for name, made in products(deterministic):
        assert isinstance(made, EpilogueMatmul), name
        for rows in (2, MOST_ROWS + 1):
            x = torch.randn(1, rows, 64)
            plain = made(x).flatten(0, 1)
            own_kernel.reset_mock()
            got = made(x, GATED[0])
            assert got.shape == (1, rows, 24), name
            close(got.flatten(0, 1), apart(plain, GATED[0]))
            alone = name.endswith("packed") or (rows <= MOST_ROWS and not deterministic)
            assert own_kernel.called != alone, name
        if deterministic:
            assert torch.equal(made(x[:, :1], GATED[0]), got[:, :1]), name
