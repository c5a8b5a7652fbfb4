"""What a step must read and multiply, by hand; the spread of a few times."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sgl.config.hf import HfConfig
from sgl.config.layout.count import active_parameter_count, expert_parameter_count, parameter_count
from sgl.config.model import ModelConfig
from sgl.models.table import read_model_config
from sgl_cli.bench.engine.spread import Spread
from sgl_cli.bench.engine.work import Work
from tests.unit.plan.checkpoints import model_of


@pytest.fixture
def model(stories260k: Path) -> ModelConfig:
    return replace(read_model_config(HfConfig.load(stories260k)), tie_embeddings=False)


def test_a_decode_step_reads_every_weight_but_the_embedding_and_the_cache_of_every_request(model: ModelConfig) -> None:
    work = Work(model, element_bytes=2)
    embedding = model.vocab_size * model.hidden_size

    weights = (parameter_count(model) - embedding) * 2
    assert work.decode_bytes(0, 100) == weights
    assert work.decode_bytes(3, 100) - weights == 3 * 100 * model.kv_bytes_per_token(2)


def test_a_tied_embedding_is_read_as_the_head(model: ModelConfig) -> None:
    tied = replace(model, tie_embeddings=True)

    assert Work(tied, 4).decode_bytes(0, 1) == parameter_count(tied) * 4
    assert Work(tied, 4).decode_bytes(0, 1) == Work(model, 4).decode_bytes(0, 1)


def test_a_window_bounds_what_is_read_and_multiplied(model: ModelConfig) -> None:
    sliding = replace(model, windows=(8,) * model.num_layers)

    assert Work(sliding, 2).decode_bytes(1, 100) == Work(model, 2).decode_bytes(1, 8)
    assert Work(sliding, 2).prefill_flops(1, 8) == Work(model, 2).prefill_flops(1, 8)
    assert Work(sliding, 2).prefill_flops(1, 9) < Work(model, 2).prefill_flops(1, 9)


def test_a_prefill_multiplies_twice_the_weights_for_every_token_and_the_head_once(model: ModelConfig) -> None:
    head = model.vocab_size * model.hidden_size
    layers = parameter_count(model) - 2 * head
    attention = 4 * model.num_layers * model.num_heads * model.head_dim * (1 + 2 + 3)

    assert Work(model, 2).prefill_flops(5, 3) == 5 * (2 * layers * 3 + 2 * head + attention)


def test_of_experts_a_step_reads_and_multiplies_those_that_its_tokens_choose() -> None:
    mixture = model_of("qwen3-moe", num_experts=8, num_experts_per_tok=2)
    embedding = head = mixture.vocab_size * mixture.hidden_size
    one = expert_parameter_count(mixture)
    others = parameter_count(mixture) - 8 * one - embedding

    def weights(batch: int) -> int:
        kv = batch * 10 * mixture.kv_bytes_per_token(2)
        return Work(mixture, 2).decode_bytes(batch, 10) - kv

    assert weights(0) == 2 * others
    assert weights(1) == 2 * (others + 2 * one) == 2 * (active_parameter_count(mixture) - embedding)
    assert weights(1) < weights(2) < 2 * (others + 4 * one), "two tokens may choose the same experts"
    assert weights(200) == 2 * (others + 8 * one)
    longer, shorter = (Work(mixture, 2).prefill_flops(1, tokens) for tokens in (2, 1))
    pairs = 4 * mixture.num_layers * mixture.num_heads * mixture.head_dim * 2
    assert longer - shorter - pairs == 2 * (others + 2 * one - head)


def test_quantiles_are_linear_between_two_times() -> None:
    spread = Spread.of([4.0, 1.0, 2.0, 3.0, 5.0])

    assert (spread.count, spread.median) == (5, 3.0)
    assert spread.p10 == pytest.approx(1.4)
    assert spread.p90 == pytest.approx(4.6)
    assert Spread.of([7.0]) == Spread(1, 7.0, 7.0, 7.0)


def test_nothing_has_no_spread() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])
