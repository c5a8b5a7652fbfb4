"""What the families with experts read of config.json, require and refuse; parameters of published models."""

from __future__ import annotations

from typing import Any, Final

import pytest

from sgl.config.at_load import quantize_at_load
from sgl.config.held import quantised_products
from sgl.config.hf import HfConfig
from sgl.config.layout.count import active_parameter_count, expert_parameter_count, parameter_count
from sgl.config.layout.decoder import weights
from sgl.config.layout.weight import ExpertStack
from sgl.config.model import ModelConfig
from sgl.errors import UnsupportedModel, UsageError
from sgl.models.table import read_model_config
from tests.unit.plan.checkpoints import config_of, model_of

QWEN3_30B_A3B: Final[dict[str, Any]] = {
    "vocab_size": 151936,
    "hidden_size": 2048,
    "num_hidden_layers": 48,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 768,
}
MIXTRAL_8X7B: Final[dict[str, Any]] = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
}
GPT_OSS_20B: Final[dict[str, Any]] = {
    "vocab_size": 201088,
    "hidden_size": 2880,
    "intermediate_size": 2880,
    "num_hidden_layers": 24,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "num_local_experts": 32,
    "num_experts_per_tok": 4,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
}


def without(family: str, *names: str, **changes: Any) -> ModelConfig:
    values = {name: value for name, value in config_of(family, **changes).items() if name not in names}
    return read_model_config(HfConfig(values))


@pytest.mark.parametrize(
    ("family", "shape", "all_of_them", "active"),
    [
        # Its model card says 30.5 B and 3.3 B.
        ("qwen3-moe", QWEN3_30B_A3B, 30_532_122_624, 3_353_032_704),
        # The paper (Jiang et al. 2024) says 47 B and 13 B.
        ("mixtral", MIXTRAL_8X7B, 46_702_792_704, 12_879_925_248),
        # The model card says 20.9 B; its 3.6 B leave the embedding out.
        ("gpt-oss", GPT_OSS_20B, 20_914_757_184, 4_187_440_704),
    ],
)
def test_published_models_come_to_their_published_sizes(
    family: str, shape: dict[str, Any], all_of_them: int, active: int
) -> None:
    model = model_of(family, **shape)
    assert parameter_count(model) == all_of_them
    assert active_parameter_count(model) == active


def test_without_experts_every_parameter_is_active() -> None:
    model = model_of("qwen3")
    assert active_parameter_count(model) == parameter_count(model)
    assert expert_parameter_count(model) == 0


@pytest.mark.parametrize(
    ("step", "dense", "layers"),
    [
        (1, [], (True, True, True, True)),
        (2, [], (False, True, False, True)),
        (1, [0, 2], (False, True, False, True)),
        (2, [3], (False, True, False, False)),
    ],
)
def test_which_layers_of_qwen_have_experts(step: int, dense: list[int], layers: tuple[bool, ...]) -> None:
    changes = {"num_hidden_layers": 4, "decoder_sparse_step": step, "mlp_only_layers": dense}
    for family in ("qwen2-moe", "qwen3-moe"):
        model = model_of(family, **changes)
        assert model.experts is not None
        assert model.experts.layers == layers
        assert not model.experts.normalize, "norm_topk_prob is off by default"


def test_windows_of_qwen2_moe_are_those_of_transformers() -> None:
    changes = {"num_hidden_layers": 5, "sliding_window": 32, "max_window_layers": 3}
    assert model_of("qwen2-moe", **changes).windows == (None,) * 5
    assert model_of("qwen2-moe", **changes, use_sliding_window=True).windows == (32, None, 32, None, None)
    kinds = ["full_attention"] * 4 + ["sliding_attention"]
    slides = model_of("qwen2-moe", **changes, use_sliding_window=True, layer_types=kinds)
    assert slides.windows == (None, None, None, None, 32)
    # transformers writes 0 for no window.
    assert model_of("qwen2-moe", sliding_window=0, use_sliding_window=False).windows == (None, None)


def test_defaults_of_gpt_oss_and_mixtral() -> None:
    oss = without("gpt-oss", "head_dim", "layer_types", "sliding_window", num_hidden_layers=3)
    assert (oss.head_dim, oss.windows) == (64, (128, None, 128))
    assert (oss.qkv_bias, oss.output_bias, oss.sinks, oss.activation) == (True, True, True, "clamped_silu")
    assert oss.rope is not None
    assert (oss.rope.theta, oss.rope.kind, oss.norm_eps) == (150000.0, "yarn", 1e-5)
    mixtral = model_of("mixtral")
    assert mixtral.rope is not None
    assert (mixtral.rope.theta, mixtral.norm_eps, mixtral.windows) == (1e6, 1e-5, (None, None))


def test_transformers_other_name_of_the_number_of_experts() -> None:
    model = without("qwen3-moe", "num_experts", num_local_experts=7)
    assert model.experts is not None
    assert model.experts.count == 7


@pytest.mark.parametrize(
    ("family", "changes", "words"),
    [
        ("gpt-oss", {"swiglu_limit": 10.0}, "'swiglu_limit': 10.0 is not implemented; known: 7.0"),
        ("gpt-oss", {"swiglu_alpha": 1.0}, "'swiglu_alpha': 1.0 is not implemented; known: 1.702"),
        ("gpt-oss", {"hidden_act": "gelu"}, "'hidden_act': \"gelu\" is not implemented"),
        ("gpt-oss", {"experts_per_token": 3}, "'experts_per_token': 3 is not implemented; known: 2"),
        ("gpt-oss", {"rope_scaling": None}, "lacks 'rope_scaling'"),
        ("gpt-oss", {"num_experts_per_tok": 4}, "4 experts for each token cannot be chosen of 3"),
        ("mixtral", {"num_local_experts": None}, "lacks 'num_local_experts'"),
        ("mixtral", {"layer_types": ["full_attention"] * 2}, "'layer_types'"),
        ("qwen2-moe", {"mlp_only_layers": 3}, "'mlp_only_layers' must be a list of layer numbers"),
        ("qwen2-moe", {"decoder_sparse_step": 0}, "'decoder_sparse_step' must be above 0"),
        ("qwen2-moe", {"shared_expert_intermediate_size": None}, "lacks 'shared_expert_intermediate_size'"),
        ("qwen3-moe", {"layer_types": ["full_attention"] * 2}, "'layer_types'"),
        ("qwen3-moe", {"num_experts": None}, "lacks 'num_local_experts'"),
        ("qwen3", {"quantization_config": {"quant_method": "mxfp4"}}, "'mxfp4' is implemented for GPT-OSS's experts"),
        (
            "gpt-oss",
            {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 8}},
            "mlp.experts.gate_up_proj' holds all experts, and awq is not implemented for it; known: mxfp4",
        ),
    ],
)
def test_what_is_not_implemented_is_refused_by_name(family: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UnsupportedModel) as caught:
        model_of(family, **changes)
    assert words in str(caught.value)


def test_mxfp4_is_a_matter_of_the_stacks() -> None:
    widths = {"hidden_size": 192, "intermediate_size": 96, "quantization_config": {"quant_method": "mxfp4"}}
    stacks = [weight for weight in weights(model_of("gpt-oss", **widths)) if isinstance(weight, ExpertStack)]
    assert len(stacks) == 4
    assert all(stack.mxfp4 for stack in stacks)


def test_experts_in_one_tensor_are_quantised_at_load_unless_they_are_already() -> None:
    widths = {"hidden_size": 512, "intermediate_size": 256, "num_attention_heads": 8}
    model = quantize_at_load(model_of("gpt-oss", **widths), "int4")
    held = [holding for _, _, holding in quantised_products(model)]
    assert len(held) == model.num_layers * (2 + 2 * 3)
    mxfp4 = model_of("gpt-oss", **widths, quantization_config={"quant_method": "mxfp4"})
    with pytest.raises(UsageError, match=r"^--quantization int4: the checkpoint is quantised already"):
        quantize_at_load(mxfp4, "int4")
