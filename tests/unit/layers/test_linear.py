"""A product with the nonlinearity behind it: in one call where the product takes one, else one after the other."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from sgl.config.layout.weight import Matrix
from sgl.kernels.epilogue import Epilogue, EpilogueMatmul
from sgl.kernels.matmul import Matmul
from sgl.kernels.products import CPU_PRODUCTS
from sgl.layers.activation import Nonlinear, nonlinearity
from sgl.layers.linear import Linear
from sgl.weights.slot import Placement

PLACE = Placement(torch.float32, torch.device("cpu"))


def loaded(place: Placement) -> tuple[Linear, Tensor]:
    """gate and up of 3 inputs and 4 inner features each, and the stacked weight."""
    layer = Linear(Matrix(("gate", "up"), (4, 4), 3), place)
    weight = torch.randn(8, 3)
    for slot, part in zip(layer.slots(), weight.split(4), strict=True):
        slot.target.copy_(part)
    layer.finish(False)
    return layer, weight


def test_activated_is_the_product_and_then_the_nonlinearity() -> None:
    layer, weight = loaded(PLACE)
    x = torch.randn(2, 3)
    got = layer.activated(x, Nonlinear("silu", gated=True))
    torch.testing.assert_close(got, nonlinearity("silu", gated=True)(x @ weight.T))


def test_a_product_that_takes_an_epilogue_is_given_it() -> None:
    asked: list[Epilogue | None] = []

    def multiply(rows: Tensor, epilogue: Epilogue | None) -> Tensor:
        asked.append(epilogue)
        return rows[:, :1]

    def dense(weight: Tensor, bias: Tensor | None, *, deterministic: bool) -> Matmul:
        return EpilogueMatmul(multiply)

    layer, _ = loaded(replace(PLACE, products=replace(CPU_PRODUCTS, dense=dense)))
    x = torch.randn(2, 5, 3)
    assert torch.equal(layer.activated(x, Nonlinear("gelu", gated=False)), x[..., :1])
    assert torch.equal(layer.forward(x), x[..., :1])
    assert asked == [Epilogue("gelu", False), None]
