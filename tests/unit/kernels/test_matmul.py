"""Each way to multiply equals torch's plain linear; the deterministic ones give the same bits per row."""

from __future__ import annotations

import pytest
import torch

from sgl.config.packing import UPCAST_FROM_ROWS
from sgl.kernels.matmul import choose_matmul, packed, packed_or_upcast, plain


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 16, UPCAST_FROM_ROWS, 100])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_prepared_weights_equal_the_plain_twin(dtype: torch.dtype, tolerance: float, rows: int, bias: bool) -> None:
    torch.manual_seed(rows)
    weight = (torch.randn(96, 64) / 8).to(dtype)
    offset = torch.randn(96).to(dtype) if bias else None
    x = torch.randn(rows, 64).to(dtype)
    wanted = plain(weight, offset)(x)
    ways = [packed(weight, offset), choose_matmul(weight, offset)]
    if dtype == torch.bfloat16:
        ways.append(packed_or_upcast(weight, offset))
    for way in ways:
        torch.testing.assert_close(way(x), wanted, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("outputs", "inputs"), [(192, 64), (64, 172), (512, 64), (1536, 512), (512, 1400), (33, 7)])
def test_deterministic_rows_do_not_depend_on_their_number(outputs: int, inputs: int, dtype: torch.dtype) -> None:
    torch.manual_seed(outputs)
    weight = (torch.randn(outputs, inputs) / inputs**0.5).to(dtype)
    matmul = choose_matmul(weight, None, deterministic=True)
    x = torch.randn(70, inputs).to(dtype)
    whole = matmul(x)
    for start, stop in ((0, 1), (5, 7), (3, 19), (17, 50), (1, 70)):
        assert torch.equal(matmul(x[start:stop].contiguous()), whole[start:stop])
