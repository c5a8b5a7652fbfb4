"""What feed-forward blocks take of memory while they compute."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sgl.config.model import ModelConfig
from sgl.plan.feed_forward import feed_forward_bytes
from tests.unit.plan.checkpoints import model_of

TOKENS = 1000


def chosen(count: int, **shape: int) -> ModelConfig:
    model = model_of("qwen3-moe", **shape)
    assert model.experts is not None
    return replace(model, experts=replace(model.experts, chosen=count))


@pytest.mark.parametrize(("inner", "widest"), [(100, 312), (500, 1000)])
def test_a_gpu_holds_rows_of_each_expert_of_each_token(inner: int, widest: int) -> None:
    two, four = (
        feed_forward_bytes(chosen(count, hidden_size=312, moe_intermediate_size=inner), TOKENS, 2, device="cuda")
        for count in (2, 4)
    )
    indices = 16
    assert four - two == 2 * TOKENS * ((widest + inner) * 2 + indices)


def test_a_cpu_holds_rows_of_one_expert_at_a_time() -> None:
    two, four = (feed_forward_bytes(chosen(count, moe_intermediate_size=500), TOKENS, 2) for count in (2, 4))
    assert 0 < four - two < 2 * TOKENS * 100
