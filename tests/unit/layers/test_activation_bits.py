"""A row of an activation has the same bits in every batch, in deterministic mode."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from sgl.config.model import Activation
from sgl.layers.activation import Nonlinear, in_like_calls, nonlinearity

KINDS: tuple[tuple[Activation, bool], ...] = (
    ("silu", True),
    ("gelu", True),
    ("gelu_tanh", True),
    ("gelu_tanh", False),
    ("clamped_silu", True),
)


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("inner", [24, 100, 128, 1024])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("activation", "gated"), KINDS)
def test_rows_have_the_same_bits_in_every_batch(
    activation: Activation, gated: bool, dtype: torch.dtype, inner: int, threads: int
) -> None:
    torch.manual_seed(inner)
    layer = Nonlinear(activation, gated=gated)
    layer.finish(deterministic=True)
    x = (3 * torch.randn(150, (1 + gated) * inner)).to(dtype)
    together = layer.forward(x)
    torch.testing.assert_close(together, nonlinearity(activation, gated=gated)(x))
    for start, count in ((0, 1), (1, 1), (17, 5), (40, 110), (149, 1)):
        assert torch.equal(layer.forward(x[start : start + count]), together[start : start + count])


@pytest.mark.parametrize(("width", "rows"), [(128, 128), (64, 256), (100, 1), (65536, 1)])
def test_how_many_rows_come_together(width: int, rows: int) -> None:
    met: list[int] = []

    def apply(x: torch.Tensor) -> torch.Tensor:
        met.append(len(x))
        return x

    x = torch.randn(2 * rows, width)
    assert torch.equal(in_like_calls(apply)(x), x)
    assert met == [rows, rows]
