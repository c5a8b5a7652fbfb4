"""What is read of DeepSeek's config.json files, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import pytest
import torch
from safetensors.torch import load_file, save_file

from sgl.config.hf import HfConfig
from sgl.config.layout.count import active_parameter_count, parameter_count
from sgl.config.model import ModelConfig
from sgl.errors import CheckpointError, UnsupportedModel
from sgl.models.table import read_model_config
from tests.harness import LocalEngine
from tests.zoo.deepseek import DEEPSEEK
from tests.zoo.families import make_checkpoint

YARN: Final[dict[str, Any]] = {
    "type": "yarn",
    "beta_fast": 32,
    "beta_slow": 1,
    "factor": 40,
    "original_max_position_embeddings": 4096,
}
V2: Final[dict[str, Any]] = {
    "architectures": ["DeepseekV2ForCausalLM"],
    "model_type": "deepseek_v2",
    "vocab_size": 102400,
    "hidden_size": 5120,
    "intermediate_size": 12288,
    "num_hidden_layers": 60,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "q_lora_rank": 1536,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "first_k_dense_replace": 1,
    "moe_layer_freq": 1,
    "moe_intermediate_size": 1536,
    "n_routed_experts": 160,
    "n_shared_experts": 2,
    "num_experts_per_tok": 6,
    "topk_method": "group_limited_greedy",
    "n_group": 8,
    "topk_group": 3,
    "scoring_func": "softmax",
    "norm_topk_prob": False,
    "routed_scaling_factor": 16.0,
    "rms_norm_eps": 1e-6,
    "max_position_embeddings": 163840,
    "rope_theta": 10000,
    "rope_scaling": {**YARN, "mscale": 1.0, "mscale_all_dim": 1.0},
}
V2_LITE: Final[dict[str, Any]] = {
    **V2,
    "hidden_size": 2048,
    "intermediate_size": 10944,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "q_lora_rank": None,
    "moe_intermediate_size": 1408,
    "n_routed_experts": 64,
    "topk_method": "greedy",
    "n_group": 1,
    "topk_group": 1,
    "routed_scaling_factor": 1.0,
    "rope_scaling": {**YARN, "mscale": 0.707, "mscale_all_dim": 0.707},
}
V3: Final[dict[str, Any]] = {
    **V2,
    "architectures": ["DeepseekV3ForCausalLM"],
    "model_type": "deepseek_v3",
    "vocab_size": 129280,
    "hidden_size": 7168,
    "intermediate_size": 18432,
    "num_hidden_layers": 61,
    "first_k_dense_replace": 3,
    "moe_intermediate_size": 2048,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "num_experts_per_tok": 8,
    "topk_method": "noaux_tc",
    "n_group": 8,
    "topk_group": 4,
    "scoring_func": "sigmoid",
    "norm_topk_prob": True,
    "routed_scaling_factor": 2.5,
    "num_nextn_predict_layers": 1,
}


def read(config: dict[str, Any], **changes: Any) -> ModelConfig:
    values = {key: value for key, value in {**config, **changes}.items() if value is not ...}
    return read_model_config(HfConfig(values))


@pytest.mark.parametrize(
    ("config", "billions", "active"),
    [(V2, 235.7, 21.4), (V2_LITE, 15.7, 2.7), (V3, 671.0, 37.6)],
    ids=["V2", "V2-Lite", "V3"],
)
def test_the_published_sizes(config: dict[str, Any], billions: float, active: float) -> None:
    """236B of which 21B compute a token, 15.7B of 2.4B, and 671B of 37B; the reports leave out the embedding there."""
    model = read(config)
    assert parameter_count(model) / 1e9 == pytest.approx(billions, abs=0.05)
    assert active_parameter_count(model) / 1e9 == pytest.approx(active, abs=0.1)


def test_how_experts_are_chosen() -> None:
    lite, v2, v3 = (read(config).experts for config in (V2_LITE, V2, V3))
    assert lite is not None
    assert v2 is not None
    assert v3 is not None
    assert (lite.score, lite.normalize, lite.scale, lite.groups, lite.correction) == ("softmax", False, 1.0, 1, False)
    assert (v2.groups, v2.chosen_groups, v2.group_top, v2.scale) == (8, 3, 1, 16.0)
    assert (v3.score, v3.normalize, v3.scale, v3.correction) == ("sigmoid", True, 2.5, True)
    assert (v3.groups, v3.chosen_groups, v3.group_top) == (8, 4, 2)
    assert (v2.shared_size, v3.shared_size) == (2 * 1536, 2048)
    assert v3.layers == (False,) * 3 + (True,) * 58


def test_greedy_choice_has_no_groups_whatever_n_group_says() -> None:
    experts = read(V2, topk_method="greedy").experts
    assert experts is not None
    assert experts.groups == 1


def test_layers_between_dense_ones() -> None:
    """DeepSeek's code: experts in layers whose index is a multiple of moe_layer_freq. transformers does not read it."""
    experts = read(V2_LITE, num_hidden_layers=7, first_k_dense_replace=2, moe_layer_freq=3).experts
    assert experts is not None
    assert [layer for layer, routed in enumerate(experts.layers) if routed] == [3, 6]
    assert read(V2_LITE, first_k_dense_replace=27).experts is None
    assert read(V2_LITE, first_k_dense_replace=27, n_routed_experts=...).experts is None


def test_v2_either_normalizes_or_scales() -> None:
    """As in DeepSeek's code for V2; V3 does both."""
    normalized = read(V2, norm_topk_prob=True).experts
    alone = read(V2, norm_topk_prob=True, num_experts_per_tok=1).experts
    assert normalized is not None
    assert alone is not None
    assert (normalized.normalize, normalized.scale) == (True, 1.0)
    assert (alone.normalize, alone.scale) == (False, 16.0)


def test_yarn_raises_the_scale_of_scores() -> None:
    factor = 0.1 * 0.707 * math.log(40) + 1
    lite = read(V2_LITE)
    assert lite.rope is not None
    assert lite.attention_scale == pytest.approx(192**-0.5 * factor**2)
    assert lite.rope.attention_factor == 1.0, "mscale / mscale_all_dim"
    assert (lite.rope.dim, lite.rope.interleaved) == (64, True)
    assert read(V2_LITE, rope_scaling=None).attention_scale == pytest.approx(192**-0.5)


def test_the_cached_vector_is_all_that_is_kept() -> None:
    assert read(V3).kv_bytes_per_token(2) == 61 * (512 + 64) * 2


def test_an_absent_query_rank_is_the_default_and_null_is_none() -> None:
    ranks = [read(V2, q_lora_rank=rank).latent for rank in (None, ..., 96)]
    assert [latent.q_rank for latent in ranks if latent is not None] == [None, 1536, 96]


@pytest.mark.parametrize(
    ("config", "changes", "message"),
    [
        (V2, {"scoring_func": "sigmoid"}, "'scoring_func'"),
        (V2, {"topk_method": "noaux_tc"}, "'topk_method'"),
        (V2, {"mlp_bias": True}, "'mlp_bias'"),
        (V2, {"num_key_value_heads": 64}, "'num_key_value_heads'"),
        (V2, {"kv_lora_rank": ...}, "lacks 'kv_lora_rank'"),
        (V2, {"q_lora_rank": 0}, "'q_lora_rank'"),
        (V2, {"qk_rope_head_dim": 63}, "even"),
        (V2, {"n_routed_experts": ...}, "lacks 'n_routed_experts'"),
        (V2, {"n_group": 7}, "7 groups"),
        (V2, {"topk_group": 9}, "9 of 8 groups"),
        (V2, {"num_experts_per_tok": 61}, "61 experts"),
        (V2_LITE, {"num_experts_per_tok": 65}, "65 experts"),
        (V3, {"scoring_func": "softmax"}, "'scoring_func'"),
        (V3, {"topk_method": "greedy"}, "'topk_method'"),
        (V3, {"n_group": 256, "topk_group": 9}, "group of 1 experts"),
    ],
)
def test_what_is_not_implemented_or_does_not_fit_is_refused(
    config: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnsupportedModel, match=message):
        read(config, **changes)


def test_layers_that_predict_further_tokens_are_not_used(tmp_path: Path) -> None:
    """The hub's V3 has them after its last layer, with embedding and head of their own."""
    family = next(family for family in DEEPSEEK if family.name == "deepseek-v3")
    make_checkpoint(family, tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    wanted = LocalEngine.load(tmp_path).ask([5, 6, 7], max_new_tokens=8).tokens
    further = {name.replace("layers.2", "layers.3"): tensors[name].clone() for name in tensors if "layers.2." in name}
    further["model.layers.3.eh_proj.weight"] = torch.ones(48, 96)
    further["model.layers.3.embed_tokens.weight"] = torch.ones(160, 48)
    save_file({**tensors, **further}, path)
    assert LocalEngine.load(tmp_path).ask([5, 6, 7], max_new_tokens=8).tokens == wanted
    beyond = {name.replace("layers.3", "layers.4"): tensor for name, tensor in further.items()}
    save_file({**tensors, **beyond}, path)
    with pytest.raises(CheckpointError, match=r"layers\.4.*does not use"):
        LocalEngine.load(tmp_path)
