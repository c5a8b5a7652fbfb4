"""RMSNorm: kernels against twins, and the twin against the layer that transformers' norms are compared with."""

from __future__ import annotations

from typing import Final

import pytest
import torch
from torch import Tensor

from sgl.config.layout.weight import Norm
from sgl.config.model import NormKind
from sgl.kernels.triton import norm
from sgl.kernels.triton.quantize import per_token_fp8
from sgl.kernels.twins import norm as twin
from sgl.layers.norm import make_norm
from sgl.weights.slot import Placement
from tests.unit.kernels.triton.padded import among_nan, untouched_around

EPS: Final = 1e-5
KINDS: Final[tuple[NormKind, ...]] = ("rms", "rms_float", "rms_plus_one")
DTYPES: Final = (torch.float32, torch.bfloat16, torch.float16)
SIZE: Final = 100
"""No power of two: the last elements of a block are padding."""
each_kind: Final = pytest.mark.parametrize("kind", KINDS)
each_dtype: Final = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def drawn(dtype: torch.dtype, *, tokens: int = 3, size: int = SIZE) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of very different size, further rows, and weights."""
    torch.manual_seed(size)
    spread = torch.tensor([1e-3, 1.0, 300.0]).repeat(tokens)[:tokens, None]
    return (
        (torch.randn(tokens, size) * spread).to(dtype),
        torch.randn(tokens, size).to(dtype),
        (torch.randn(size) * 0.3 + 1).to(dtype),
    )


def assert_alike(got: Tensor, expected: Tensor) -> None:
    """Equal but for a last place here and there, where a sum in another order falls to the other side."""
    assert got.dtype == expected.dtype
    torch.testing.assert_close(got.float(), expected.float(), rtol=3 * torch.finfo(got.dtype).eps, atol=1e-6)
    assert (got == expected).float().mean() > (0.2 if got.dtype == torch.float32 else 0.98)


@each_kind
@each_dtype
def test_kernel_is_its_twin(kind: NormKind, dtype: torch.dtype) -> None:
    x, _, weight = drawn(dtype)
    out = among_nan(torch.zeros_like(x))
    given = norm.rms_norm(among_nan(x), among_nan(weight[None])[0], EPS, kind, out=out)
    assert given is out
    assert untouched_around(out)
    assert_alike(out, twin.rms_norm(x, weight, EPS, kind))


@each_kind
@each_dtype
def test_addition_is_in_place_and_its_rounded_sum_is_normed(kind: NormKind, dtype: torch.dtype) -> None:
    x, added, weight = drawn(dtype)
    hidden, expected = among_nan(x), x.clone()
    out = norm.add_rms_norm(hidden, among_nan(added), weight, EPS, kind)
    assert_alike(out, twin.add_rms_norm(expected, added, weight, EPS, kind))
    assert torch.equal(hidden, expected)
    assert torch.equal(hidden, x + added)
    assert untouched_around(hidden)


@each_kind
@each_dtype
def test_twin_is_the_layer(kind: NormKind, dtype: torch.dtype) -> None:
    x, _, weight = drawn(dtype, tokens=30)
    layer = make_norm(kind, Norm("n", SIZE), EPS, Placement(dtype, torch.device("cpu")))
    next(iter(layer.slots())).target.copy_(weight)
    assert_alike(twin.rms_norm(x, weight, EPS, kind), layer.forward(x))


@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_fp8_is_the_norm_and_then_the_quantisation(adds: bool, dtype: torch.dtype) -> None:
    x, added, weight = drawn(dtype)
    plain, fused, own = x.clone(), x.clone(), x.clone()
    if adds:
        normed = norm.add_rms_norm(plain, added, weight, EPS)
        codes, scale = norm.add_rms_norm_fp8(fused, added, weight, EPS)
        expected, expected_scale = twin.add_rms_norm_fp8(own, added, weight, EPS)
    else:
        normed = norm.rms_norm(plain, weight, EPS)
        codes, scale = norm.rms_norm_fp8(fused, weight, EPS)
        expected, expected_scale = twin.rms_norm_fp8(own, weight, EPS)
    apart, apart_scale = per_token_fp8(normed)
    assert torch.equal(fused, plain)
    assert torch.equal(codes.view(torch.int8), apart.view(torch.int8))
    assert torch.equal(scale, apart_scale)
    torch.testing.assert_close(scale, expected_scale, rtol=2 * torch.finfo(dtype).eps, atol=0)
    assert (codes.view(torch.int8) == expected.view(torch.int8)).float().mean() > 0.98


def test_a_row_alone_has_the_bits_it_has_among_others() -> None:
    x, _, weight = drawn(torch.bfloat16)
    assert torch.equal(norm.rms_norm(x[1:2], weight, EPS), norm.rms_norm(x, weight, EPS)[1:2])


def test_no_rows_are_no_launch_and_rows_that_do_not_fit_are_refused() -> None:
    assert norm.rms_norm(torch.empty(0, 8), torch.ones(8), EPS).shape == (0, 8)
    assert norm.row_block(norm.WIDEST) == (norm.WIDEST, 16)
    with pytest.raises(ValueError, match="rows of 16385 elements do not fit"):
        norm.row_block(norm.WIDEST + 1)
