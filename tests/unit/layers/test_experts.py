"""Experts: sorted and looped are equal, rows do not know of each other, and only chosen experts are touched."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sgl.config.experts import ExpertsConfig
from sgl.config.layout.decoder import layer_weights
from sgl.config.layout.group import ExpertWeights
from sgl.config.model import ModelConfig
from sgl.layers.experts import Expert, Experts, row_count, sum_by_masks, sum_by_order
from sgl.layers.router import route
from sgl.weights.slot import Placement
from tests.unit.plan.checkpoints import model_of

WIDTH = 40
MODEL = replace(
    model_of("llama", hidden_size=WIDTH, num_attention_heads=4),
    experts=ExpertsConfig(count=8, chosen=3, intermediate_size=24, layers=(True, True)),
)
VARIANTS: dict[str, ModelConfig] = {
    "plain": MODEL,
    "shared": replace(MODEL, experts=replace(MODEL.experts, shared_size=20)),
    "gated": replace(MODEL, experts=replace(MODEL.experts, shared_size=20, shared_gate=True)),
    "stacked": replace(MODEL, experts=replace(MODEL.experts, stacked=True, bias=True, router_bias=True)),
}


def layer_of(model: ModelConfig, dtype: torch.dtype, *, deterministic: bool) -> Experts:
    weights = layer_weights(model, 0).mlp
    assert isinstance(weights, ExpertWeights)
    layer = Experts(model, weights, Placement(dtype, torch.device("cpu")))
    torch.manual_seed(3)
    for slot in layer.slots():
        slot.target.copy_(torch.randn(slot.target.shape) * (1.0 if "mlp.gate." in slot.name else 0.3))
    layer.finish(deterministic)
    return layer


def experts_of(count: int, touched: list[int]) -> list[Expert]:
    """Random matrices; ``touched`` hears who was called."""

    def expert(number: int) -> Expert:
        matrix = torch.randn(WIDTH, WIDTH)

        def apply(rows: Tensor) -> Tensor:
            touched.append(number)
            return torch.tanh(rows @ matrix)

        return apply

    return [expert(number) for number in range(count)]


@pytest.mark.parametrize("tokens", [1, 2, 50])
@pytest.mark.parametrize("chosen", [1, 3, 8])
def test_sorting_equals_masking(tokens: int, chosen: int) -> None:
    torch.manual_seed(tokens + chosen)
    experts = experts_of(8, [])
    hidden = torch.randn(tokens, WIDTH)
    config = ExpertsConfig(count=8, chosen=chosen, intermediate_size=1, layers=(True,))
    routed = route(torch.randn(tokens, 8), config)
    torch.testing.assert_close(sum_by_order(hidden, *routed, experts), sum_by_masks(hidden, *routed, experts))


def test_a_small_batch_touches_only_the_experts_that_it_needs() -> None:
    touched: list[int] = []
    experts = experts_of(8, touched)
    chosen = torch.tensor([[6, 1], [1, 3]])
    sum_by_order(torch.randn(2, WIDTH), torch.ones(2, 2), chosen, experts)
    assert touched == [1, 3, 6], "each once"


def test_experts_meet_few_counts_of_rows() -> None:
    counts = {count: row_count(count) for count in range(1, 1025)}
    assert all(rows == count for count, rows in counts.items() if count <= 16)
    assert all(count <= rows <= 1.125 * count for count, rows in counts.items())
    assert len(set(counts.values())) == 64

    met: set[int] = set()

    def expert(rows: Tensor) -> Tensor:
        met.add(len(rows))
        return rows

    chosen = torch.zeros(101, 1, dtype=torch.int64)
    hidden = torch.randn(101, WIDTH)
    assert torch.equal(sum_by_order(hidden, torch.ones(101, 1), chosen, [expert]), hidden)
    assert met == {104}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_deterministic_rows_have_the_same_bits_in_every_batch(variant: str, dtype: torch.dtype) -> None:
    layer = layer_of(VARIANTS[variant], dtype, deterministic=True)
    hidden = torch.randn(40, WIDTH).to(dtype)
    together = layer.forward(hidden)
    assert together.dtype == dtype
    for start, count in ((0, 1), (3, 7), (17, 23)):
        assert torch.equal(layer.forward(hidden[start : start + count]), together[start : start + count])


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_it_rows_differ_by_rounding_at_most(variant: str) -> None:
    layer = layer_of(VARIANTS[variant], torch.float32, deterministic=False)
    hidden = torch.randn(40, WIDTH)
    before = hidden.clone()
    together = layer.forward(hidden)
    assert torch.equal(hidden, before), "what comes in is not overwritten"
    alone = torch.cat([layer.forward(row) for row in hidden.split(1)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_the_gate_of_the_shared_expert_scales_it_by_row() -> None:
    hidden = torch.randn(5, WIDTH)
    plain, shared, gated = (
        layer_of(VARIANTS[name], torch.float32, deterministic=True).forward(hidden)
        for name in ("plain", "shared", "gated")
    )
    ratio = (gated - plain) / (shared - plain)
    assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio), atol=1e-3)
    assert ((ratio > 0) & (ratio < 1)).all()
