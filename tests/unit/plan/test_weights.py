"""How ranks share the weights, and what headers say against config.json."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl.config.layout.count import parameter_count
from sgl.config.model import ModelConfig
from sgl.plan.header import TensorHeader
from sgl.plan.weights import header_bytes, parameter_bytes, parameters
from tests.unit.plan.checkpoints import FAMILIES, model_of

QWEN3_0_6B: dict[str, Any] = {
    "vocab_size": 151936,
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "tie_word_embeddings": True,
}


def headers_of(model: ModelConfig, dtype: str = "BF16", size: int = 2) -> list[TensorHeader]:
    """The headers of a checkpoint that holds exactly what the model needs."""
    made = [TensorHeader(each.name, dtype, each.shape, 0) for each in parameters(model)]
    return [dataclasses.replace(header, stored_bytes=size * header.elements) for header in made]


def test_a_published_model_comes_to_its_published_size() -> None:
    """Qwen3-0.6B's model.safetensors states 751 632 384 parameters: the head is stored beside the embedding."""
    model = model_of("qwen3", **QWEN3_0_6B)
    assert parameter_bytes(model, 2) == 2 * 596_049_920
    assert parameter_bytes(model_of("qwen3", **{**QWEN3_0_6B, "tie_word_embeddings": False}), 2) == 2 * 751_632_384


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("tied", [False, True])
def test_one_rank_has_every_parameter(family: str, tied: bool) -> None:
    model = model_of(family, tie_word_embeddings=tied)
    assert parameter_bytes(model, 4) == 4 * parameter_count(model)
    assert sum(header.elements for header in headers_of(model)) == parameter_count(model)


@given(
    family=st.sampled_from(sorted(FAMILIES)),
    tp=st.sampled_from([1, 2, 3, 4, 6, 8, 16]),
    heads=st.sampled_from([(8, 8), (8, 2), (16, 4), (6, 1)]),
    inner=st.integers(1, 3000),
    vocabulary=st.integers(1, 5000),
    tied=st.booleans(),
)
def test_ranks_together_hold_at_least_the_model(
    family: str, tp: int, heads: tuple[int, int], inner: int, vocabulary: int, tied: bool
) -> None:
    changes = {"intermediate_size": inner, "vocab_size": vocabulary, "tie_word_embeddings": tied, "head_dim": 32}
    kv_heads = heads[0] if family.startswith("deepseek") else heads[1]  # Latent attention has no others.
    model = model_of(family, num_attention_heads=heads[0], num_key_value_heads=kv_heads, **changes)
    whole = parameter_bytes(model, 2)
    rank = parameter_bytes(model, 2, tp)
    assert whole <= tp * rank
    assert rank <= whole or vocabulary < 64
    if tp > 1 and vocabulary >= 64 and max(heads) >= tp:
        assert rank < whole


def test_what_is_replicated_and_what_is_padded() -> None:
    changes = {"num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 16, "attention_bias": True}
    model = model_of("llama", **changes, intermediate_size=100, vocab_size=130, hidden_size=64, num_hidden_layers=1)
    elements = {each.name.removeprefix("model.layers.0."): each.elements_of(4) for each in parameters(model)}
    assert elements == {
        "model.embed_tokens.weight": 48 * 64,  # 130 padded to 192, a multiple of 64 and of 4
        "lm_head.weight": 48 * 64,
        "model.norm.weight": 64,
        "input_layernorm.weight": 64,
        "post_attention_layernorm.weight": 64,
        "self_attn.q_proj.weight": 2 * 16 * 64,
        "self_attn.q_proj.bias": 2 * 16,
        "self_attn.k_proj.weight": 16 * 64,  # four ranks, two KV heads: each rank keeps one
        "self_attn.k_proj.bias": 16,
        "self_attn.v_proj.weight": 16 * 64,
        "self_attn.v_proj.bias": 16,
        "self_attn.o_proj.weight": 64 * 2 * 16,
        "self_attn.o_proj.bias": 64,  # of a sum over ranks: whole
        "mlp.gate_proj.weight": 25 * 64,
        "mlp.up_proj.weight": 25 * 64,
        "mlp.down_proj.weight": 64 * 25,
    }


@pytest.mark.parametrize("tp", [1, 2])
def test_headers_and_config_agree(tp: int) -> None:
    model = model_of("qwen2", tie_word_embeddings=True)
    extra = [
        TensorHeader("lm_head.weight", "BF16", (2003, 312), 2 * 2003 * 312),
        TensorHeader("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", (26,), 104),
    ]
    found = header_bytes([*headers_of(model), *extra], model, 4, tp)
    assert found.problems == ()
    assert found.rank_bytes == parameter_bytes(model, 4, tp)


def test_every_disagreement_is_one_line() -> None:
    model = model_of("llama")
    headers = headers_of(model)
    by_name = {header.name: header for header in headers}
    wrong = [
        *(header for header in headers if header.name not in ("model.norm.weight", "lm_head.weight")),
        dataclasses.replace(by_name["model.norm.weight"], shape=(313,)),
        dataclasses.replace(by_name["model.embed_tokens.weight"], dtype="I32"),
        TensorHeader("model.layers.0.extra", "F32", (3,), 12),
    ]
    assert header_bytes(wrong, model, 2).problems == (
        "'model.norm.weight' has shape [313], config.json asks for [312]",
        "the checkpoint holds 'model.embed_tokens.weight' twice",
        "the checkpoint lacks 'lm_head.weight' (1 weights missing)",
        "the checkpoint holds 'model.layers.0.extra', which this architecture does not use (1 left over)",
    )
    integers = [dataclasses.replace(header, dtype="I32") for header in headers[:1]]
    assert "has type I32, not a floating-point one" in header_bytes(integers, model, 2).problems[0]
