"""config.json is read field by field; what is not implemented is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sgl.config.hf import HfConfig, end_token_ids
from sgl.config.layout.count import parameter_count
from sgl.errors import ModelNotFound, UnsupportedModel
from sgl.models.table import read_model_config

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 100,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5,
    "hidden_act": "silu",
}


def read(**changes: Any) -> Any:
    values = {key: value for key, value in {**LLAMA, **changes}.items() if value is not ...}
    return read_model_config(HfConfig(values))


@pytest.mark.parametrize(
    "field",
    ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"],
)
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(UnsupportedModel, match=f"lacks '{field}'"):
        read(**{field: ...})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden_act", "relu2"),
        ("pretraining_tp", 2),
        ("partial_rotary_factor", 0.5),
        ("quantization_config", {"quant_method": "bitsandbytes"}),
        ("rope_scaling", {"type": "proportional", "factor": 4.0}),
        ("rope_parameters", {"rope_type": "proportional", "rope_theta": 1e4}),
    ],
)
def test_a_value_that_is_not_implemented_is_refused_by_name(field: str, value: object) -> None:
    name = {"quantization_config": "quant_method", "rope_scaling": "type", "rope_parameters": "rope_type"}.get(
        field, field
    )
    with pytest.raises(UnsupportedModel, match=f"'{name}'.*is not implemented; known"):
        read(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vocab_size", "100"),
        ("vocab_size", 0),
        ("hidden_size", -64),
        ("hidden_size", True),
        ("rms_norm_eps", "small"),
        ("num_key_value_heads", 3),
        ("head_dim", 7),
        ("layer_types", ["full_attention"]),
    ],
)
def test_a_wrong_value_is_refused_by_name(field: str, value: object) -> None:
    changes: dict[str, Any] = {field: value}
    if field == "layer_types":
        changes["architectures"] = ["Qwen3ForCausalLM"]
    with pytest.raises(UnsupportedModel, match=field):
        read(**changes)


def test_an_unknown_architecture_lists_the_known_ones_nearest_first() -> None:
    with pytest.raises(UnsupportedModel, match=r"did you mean 'LlamaForCausalLM'.*Qwen3ForCausalLM"):
        read(architectures=["LlamaForCausalLMs"])
    with pytest.raises(UnsupportedModel, match="names no architecture"):
        read(architectures=...)


def test_rope_is_read_in_both_spellings() -> None:
    scaling = {
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 128,
    }
    old = read(rope_theta=5e5, rope_scaling={"rope_type": "llama3", **scaling})
    new = read(rope_parameters={"rope_type": "llama3", "rope_theta": 5e5, **scaling})
    assert old.rope == new.rope
    assert (old.rope.kind, old.rope.theta, old.rope.original_max_position) == ("llama3", 5e5, 128)


def test_qwen_windows_follow_use_sliding_window_and_layer_types() -> None:
    qwen = {"architectures": ["Qwen2ForCausalLM"], "sliding_window": 32, "max_window_layers": 3}
    assert read(**qwen).windows == (None,) * 4
    assert read(**qwen, use_sliding_window=True).windows == (None, None, None, 32)
    kinds = ["sliding_attention", "full_attention"] * 2
    assert read(**qwen, use_sliding_window=True, layer_types=kinds).windows == (32, None, 32, None)
    with pytest.raises(UnsupportedModel, match="chunked_attention"):
        read(**qwen, layer_types=["chunked_attention"] * 4)


def test_qwen3_heads_are_128_wide_unless_it_says_otherwise() -> None:
    assert read(architectures=["Qwen3ForCausalLM"]).head_dim == 128
    assert read(architectures=["Qwen3ForCausalLM"], head_dim=32).head_dim == 32


def test_parameter_count_is_exact() -> None:
    qwen3 = read(
        architectures=["Qwen3ForCausalLM"],
        vocab_size=151936,
        hidden_size=1024,
        intermediate_size=3072,
        num_hidden_layers=28,
        num_attention_heads=16,
        num_key_value_heads=8,
        head_dim=128,
        tie_word_embeddings=True,
    )
    assert parameter_count(qwen3) == 596_049_920
    assert qwen3.kv_bytes_per_token(2) == 112 * 1024


def test_end_tokens_come_from_generation_config_first(tmp_path: Path) -> None:
    config = HfConfig({"eos_token_id": 2})
    assert end_token_ids(config, tmp_path) == (2,)
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [7, 2, 7]}))
    assert end_token_ids(config, tmp_path) == (7, 2)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": NaN}', "[" * 100000])
def test_a_broken_config_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UnsupportedModel) as caught:
        HfConfig.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_config_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"has no config\.json"):
        HfConfig.load(tmp_path)
