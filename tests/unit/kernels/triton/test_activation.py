"""Activations: kernels against twins, and twins against the layers that transformers' are compared with."""

from __future__ import annotations

from typing import Final

import pytest
import torch

from sgl.config.model import Activation
from sgl.kernels.triton import activation as kernels
from sgl.kernels.triton.quantize import per_token_fp8
from sgl.kernels.twins import activation as twin
from sgl.layers.activation import nonlinearity
from tests.unit.kernels.triton.padded import among_nan, untouched_around

GATED: Final[tuple[Activation, ...]] = ("silu", "gelu", "gelu_tanh", "clamped_silu")
ALONE: Final = GATED[:3]
DTYPES: Final = (torch.float32, torch.bfloat16, torch.float16)
INNER: Final = 1100
"""More than one block, and no whole number of them."""
each_dtype: Final = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def drawn(width: int, dtype: torch.dtype, tokens: int = 2) -> torch.Tensor:
    """Small and large values: some beyond what is clamped, and where a tanh is -1 to the last place."""
    torch.manual_seed(width)
    return (torch.randn(tokens, width) * 4).to(dtype)


def close(got: torch.Tensor, expected: torch.Tensor) -> None:
    assert got.dtype == expected.dtype
    eps = max(torch.finfo(got.dtype).eps, 1e-5)
    torch.testing.assert_close(got.float(), expected.float(), rtol=eps, atol=3e-6)


@pytest.mark.parametrize("activation", GATED)
@each_dtype
def test_gated_kernel_is_its_twin(activation: Activation, dtype: torch.dtype) -> None:
    x = drawn(2 * INNER, dtype)
    out = among_nan(torch.zeros(len(x), INNER, dtype=dtype))
    assert kernels.gated(among_nan(x), activation, out=out) is out
    close(out, twin.gated(x, activation))
    assert untouched_around(out)


@pytest.mark.parametrize("activation", ALONE)
@each_dtype
def test_kernel_alone_is_its_twin(activation: Activation, dtype: torch.dtype) -> None:
    x = drawn(INNER, dtype)
    close(kernels.activated(among_nan(x), activation), twin.activated(x, activation))


@pytest.mark.parametrize("activation", GATED)
@each_dtype
def test_twin_is_the_layer(activation: Activation, dtype: torch.dtype) -> None:
    x = drawn(2 * INNER, dtype, tokens=20)
    # In the model's type, the layer would round after each operation.
    close(twin.gated(x, activation), nonlinearity(activation, gated=True)(x.float()).to(dtype))
    if activation in ALONE:
        close(twin.activated(x, activation), nonlinearity(activation, gated=False)(x.float()).to(dtype))


@pytest.mark.parametrize("activation", GATED)
def test_values_far_out_stay_finite_and_nan_stays_nan(activation: Activation) -> None:
    x = torch.tensor([[-1e4, -50.0, 50.0, 1e4, 1.0, 2.0, 3.0, 4.0, 0.0, 0.0, float("nan"), 1.0, 1.0, 1.0, 1.0, 1.0]])
    got, expected = kernels.gated(x, activation), twin.gated(x, activation)
    torch.testing.assert_close(got, expected, equal_nan=True)
    assert got.isnan().sum() == 1


@pytest.mark.parametrize("activation", GATED)
def test_fp8_is_the_activation_and_then_the_quantisation(activation: Activation) -> None:
    x = drawn(2 * INNER, torch.bfloat16)
    codes, scale = kernels.gated_fp8(among_nan(x), activation)
    apart, apart_scale = per_token_fp8(kernels.gated(x, activation))
    assert torch.equal(codes.view(torch.int8), apart.view(torch.int8))
    assert torch.equal(scale, apart_scale)
    expected, expected_scale = twin.gated_fp8(x, activation)
    torch.testing.assert_close(scale, expected_scale, rtol=2**-7, atol=0)
    assert (codes.view(torch.int8) == expected.view(torch.int8)).float().mean() > 0.95


def test_no_rows_are_no_launch() -> None:
    assert kernels.gated(torch.empty(0, 8), "silu").shape == (0, 4)
