"""Gemma, OLMo 2, GLM-4, Phi-3 and GPT-2: config.json as both generations of transformers write it, and refusals."""

from __future__ import annotations

import json
from math import sqrt
from typing import Any, Final

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from sgl.config.hf import HfConfig
from sgl.config.layout.count import parameter_count
from sgl.config.model import ModelConfig
from sgl.errors import UnsupportedModel
from sgl.models.table import read_model_config

SHAPE: Final[dict[str, Any]] = {
    "vocab_size": 100,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 512,
}
ARCHITECTURES: Final = {
    "gemma": "GemmaForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
    "gemma3_text": "Gemma3ForCausalLM",
    "olmo2": "Olmo2ForCausalLM",
    "glm": "GlmForCausalLM",
    "glm4": "Glm4ForCausalLM",
    "phi3": "Phi3ForCausalLM",
    "gpt2": "GPT2LMHeadModel",
}
"""transformers' model type -> architecture."""
GPT2: Final[dict[str, Any]] = {"vocab_size": 100, "n_embd": 64, "n_layer": 6, "n_head": 8, "n_positions": 512}


def read(family: str, **changes: Any) -> ModelConfig:
    """The decoder of a config.json; ``...`` takes a field away."""
    shape = GPT2 if family == "gpt2" else SHAPE
    values = {"architectures": [ARCHITECTURES[family]], "model_type": family, **shape, **changes}
    return read_model_config(HfConfig({key: value for key, value in values.items() if value is not ...}))


@pytest.mark.parametrize("family", ARCHITECTURES)
def test_the_defaults_of_transformers_give_its_number_of_parameters(family: str) -> None:
    config = AutoConfig.for_model(family, num_hidden_layers=2, architectures=[ARCHITECTURES[family]])
    model = read_model_config(HfConfig(json.loads(config.to_json_string(use_diff=False))))
    with torch.device("meta"):
        reference = AutoModelForCausalLM.from_config(config)
    assert parameter_count(model) == sum(parameter.numel() for parameter in reference.parameters())


@pytest.mark.parametrize("family", ["gemma", "gemma2", "olmo2", "glm", "glm4", "phi3"])
def test_old_and_new_spelling_of_rope(family: str) -> None:
    new = read(family, head_dim=16, rope_parameters={"rope_type": "default", "rope_theta": 5e4})
    assert read(family, head_dim=16, rope_theta=5e4) == new
    assert new.rope is not None
    assert new.rope.theta == 5e4


def test_gemma_says_gelu_and_means_its_approximation() -> None:
    for field in ({}, {"hidden_act": "gelu"}, {"hidden_act": "gelu_pytorch_tanh", "hidden_activation": None}):
        model = read("gemma", **field)
        assert (model.activation, model.norm, model.tie_embeddings) == ("gelu_tanh", "rms_plus_one", True)
        assert model.embedding_scale == sqrt(64)
        assert model.head_dim == 256


def test_null_turns_a_cap_of_gemma2_off_and_silence_does_not() -> None:
    silent = read("gemma2")
    assert (silent.attention_softcap, silent.logit_softcap) == (50.0, 30.0)
    off = read("gemma2", attn_logit_softcapping=None, final_logit_softcapping=None)
    assert (off.attention_softcap, off.logit_softcap) == (None, None)
    assert read("gemma2", final_logit_softcapping=7).logit_softcap == 7.0


def test_gemma2_scales_by_a_number_of_its_own_and_slides_on_every_other_layer() -> None:
    model = read("gemma2", query_pre_attn_scalar=144, sliding_window=32)
    assert model.attention_scale == pytest.approx(1 / 12)
    assert model.windows == (32, None) * 3
    kinds = ["full_attention"] * 5 + ["sliding_attention"]
    assert read("gemma2", sliding_window=32, layer_types=kinds).windows == (None,) * 5 + (32,)
    with pytest.raises(UnsupportedModel, match="must list 6 layers"):
        read("gemma2", layer_types=kinds[:3])


def test_gemma3_has_two_ropes_in_either_spelling() -> None:
    old = read(
        "gemma3_text", rope_theta=2e6, rope_local_base_freq=5e3, rope_scaling={"rope_type": "linear", "factor": 8.0}
    )
    new = read(
        "gemma3_text",
        rope_parameters={
            "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 2e6},
            "sliding_attention": {"rope_type": "default", "rope_theta": 5e3},
        },
    )
    assert old == new
    assert old.rope is not None
    assert old.local_rope is not None
    assert (old.rope.theta, old.rope.kind, old.rope.factor) == (2e6, "linear", 8.0)
    assert (old.local_rope.theta, old.local_rope.kind) == (5e3, "default")
    silent = read("gemma3_text")
    assert silent.rope is not None
    assert silent.local_rope is not None
    assert (silent.rope.theta, silent.local_rope.theta) == (1e6, 1e4)


def test_gemma3_slides_on_five_of_six_layers() -> None:
    assert read("gemma3_text", sliding_window=32).windows == (32,) * 5 + (None,)
    assert read("gemma3_text", sliding_window=32, sliding_window_pattern=2).windows == (32, None) * 3


def test_gemma3_that_sees_leaves_its_defaults_out() -> None:
    """config.json of google/gemma-3-4b-it, as it is on the hub."""
    text = {
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "model_type": "gemma3_text",
        "num_hidden_layers": 34,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
        "sliding_window": 1024,
    }
    config = {
        "architectures": ["Gemma3ForConditionalGeneration"],
        "text_config": text,
        "vision_config": {"model_type": "siglip_vision_model"},
        "torch_dtype": "bfloat16",
    }
    model = read_model_config(HfConfig(config))
    reference = AutoConfig.for_model("gemma3", text_config=dict(text)).text_config
    with torch.device("meta"):
        parameters = AutoModelForCausalLM.from_config(reference).parameters()
    assert parameter_count(model) == sum(parameter.numel() for parameter in parameters)
    assert (model.vocab_size, model.max_position, model.checkpoint_dtype) == (262208, 131072, "bfloat16")
    assert (model.num_heads, model.num_kv_heads, model.head_dim) == (8, 4, 256)
    assert model.windows[:6] == (1024,) * 5 + (None,)
    assert model.rope is not None
    assert (model.rope.kind, model.rope.factor, model.rope.theta) == ("linear", 8.0, 1e6)
    assert model.names.canonical("language_model.model.norm.weight") == "model.norm.weight"
    assert model.names.canonical("model.language_model.norm.weight") == "model.norm.weight"
    with pytest.raises(UnsupportedModel, match="lacks 'text_config'"):
        read_model_config(HfConfig({**config, "text_config": None}))


def test_glm_rotates_half_of_each_head_unless_it_says_otherwise() -> None:
    for family in ("glm", "glm4"):
        silent, stated = read(family), read(family, partial_rotary_factor=0.25)
        new = read(family, rope_parameters={"rope_type": "default", "partial_rotary_factor": 0.25})
        assert silent.rope is not None
        assert stated.rope is not None
        assert (silent.rope.dim, silent.rope.interleaved, silent.qkv_bias) == (64, True, True)
        assert stated.rope.dim == 32
        assert new == stated


def test_phi3_rotates_a_part_of_each_head_and_slides_on_every_layer() -> None:
    model = read("phi3", head_dim=16, partial_rotary_factor=0.75, sliding_window=32)
    assert model.rope is not None
    assert model.rope.dim == 12
    assert model.windows == (32,) * 6
    plain = read("phi3")
    assert plain.rope is not None
    assert plain.rope.dim is None
    assert plain.windows == (None,) * 6


def test_gpt2_has_names_of_its_own() -> None:
    model = read("gpt2")
    assert (model.hidden_size, model.num_layers, model.num_heads, model.num_kv_heads) == (64, 6, 8, 8)
    assert (model.intermediate_size, model.max_position, model.rope) == (256, 512, None)
    assert (model.norm, model.gated, model.activation, model.tie_embeddings) == ("layer", False, "gelu_tanh", True)
    assert read("gpt2", n_inner=100).intermediate_size == 100
    assert read("gpt2", scale_attn_weights=False).attention_scale == 1.0
    with pytest.raises(UnsupportedModel, match="lacks 'n_embd'"):
        read("gpt2", n_embd=...)
    with pytest.raises(UnsupportedModel, match=r"n_embd \(64\) is no multiple of n_head \(7\)"):
        read("gpt2", n_head=7)


@pytest.mark.parametrize(
    ("family", "field", "value"),
    [
        ("gemma", "use_bidirectional_attention", True),
        ("gemma", "hidden_act", "silu"),
        ("gemma2", "use_bidirectional_attention", True),
        ("gemma2", "hidden_activation", "relu2"),
        ("gemma3_text", "attn_logit_softcapping", 50.0),
        ("gemma3_text", "partial_rotary_factor", 0.5),
        ("olmo2", "clip_qkv", 8.0),
        ("olmo2", "hidden_act", "xielu"),
        ("phi3", "attention_bias", True),
        ("gpt2", "activation_function", "relu2"),
        ("gpt2", "scale_attn_by_inverse_layer_idx", True),
        ("gpt2", "add_cross_attention", True),
    ],
)
def test_a_value_that_is_not_implemented_is_refused_by_name(family: str, field: str, value: object) -> None:
    with pytest.raises(UnsupportedModel, match=f"'{field}'.*is not implemented"):
        read(family, **{field: value})


@pytest.mark.parametrize("factor", [0.0, -0.5, 1.5, 0.4])
def test_a_part_of_a_head_that_cannot_be_rotated(factor: float) -> None:
    """Two fifths of 128 elements are 51, and pairs are rotated."""
    with pytest.raises(UnsupportedModel, match=r"partial_rotary_factor|must be even"):
        read("glm4", partial_rotary_factor=factor)


def test_gemma3_needs_a_rope_per_type_of_layer() -> None:
    with pytest.raises(UnsupportedModel, match="'full_attention' is absent"):
        read("gemma3_text", rope_parameters={"rope_type": "linear", "factor": 8.0})
    kinds = {"full_attention": {"rope_theta": 1e6, "partial_rotary_factor": 0.5}, "sliding_attention": {}}
    with pytest.raises(UnsupportedModel, match=r"'partial_rotary_factor'.*is not implemented"):
        read("gemma3_text", rope_parameters=kinds)
