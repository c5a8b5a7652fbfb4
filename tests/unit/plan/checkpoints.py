"""config.json files of every family: larger than the zoo's, with widths that do not come out even."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.models.table import read_model_config

SHAPE: Final[dict[str, Any]] = {
    "vocab_size": 2003,
    "hidden_size": 312,
    "intermediate_size": 1001,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
LATENT: Final[dict[str, Any]] = {
    "num_key_value_heads": 6,
    "kv_lora_rank": 150,
    "qk_nope_head_dim": 66,
    "qk_rope_head_dim": 30,
    "v_head_dim": 70,
    "first_k_dense_replace": 1,
    "n_routed_experts": 16,
    "num_experts_per_tok": 3,
    "moe_intermediate_size": 210,
    "n_shared_experts": 2,
}
GPT2_FIELDS: Final = {
    "hidden_size": "n_embd",
    "intermediate_size": "n_inner",
    "num_hidden_layers": "n_layer",
    "num_attention_heads": "n_head",
    "max_position_embeddings": "n_positions",
}
"""What GPT-2's config.json calls them."""
FAMILIES: Final[dict[str, dict[str, Any]]] = {
    "llama": {"architectures": ["LlamaForCausalLM"]},
    "llama-biases": {"architectures": ["LlamaForCausalLM"], "attention_bias": True, "mlp_bias": True},
    "mistral": {"architectures": ["MistralForCausalLM"], "sliding_window": 64},
    "qwen2": {
        "architectures": ["Qwen2ForCausalLM"],
        "use_sliding_window": True,
        "sliding_window": 32,
        "max_window_layers": 1,
    },
    "qwen3": {"architectures": ["Qwen3ForCausalLM"], "head_dim": 80},
    "mixtral": {"architectures": ["MixtralForCausalLM"], "num_local_experts": 3},
    "qwen2-moe": {
        "architectures": ["Qwen2MoeForCausalLM"],
        "num_experts": 5,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 903,
        "shared_expert_intermediate_size": 850,
        "decoder_sparse_step": 2,
    },
    "qwen3-moe": {
        "architectures": ["Qwen3MoeForCausalLM"],
        "num_experts": 5,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 903,
        "head_dim": 80,
    },
    "gpt-oss": {
        "architectures": ["GptOssForCausalLM"],
        "num_local_experts": 3,
        "num_experts_per_tok": 2,
        "head_dim": 80,
        "sliding_window": 32,
        "layer_types": ["sliding_attention", "full_attention"],
        "rope_scaling": {"rope_type": "yarn", "factor": 2.0, "truncate": False},
    },
    "gemma": {"architectures": ["GemmaForCausalLM"], "head_dim": 72},
    "gemma2": {"architectures": ["Gemma2ForCausalLM"], "head_dim": 72, "sliding_window": 32},
    "gemma3": {
        "architectures": ["Gemma3ForCausalLM"],
        "head_dim": 72,
        "sliding_window": 64,
        "sliding_window_pattern": 2,
    },
    "olmo2": {"architectures": ["Olmo2ForCausalLM"]},
    "glm4": {"architectures": ["Glm4ForCausalLM"], "head_dim": 72},
    "phi3": {"architectures": ["Phi3ForCausalLM"], "head_dim": 72, "partial_rotary_factor": 0.5},
    "gpt2": {"architectures": ["GPT2LMHeadModel"], "hidden_size": 336},
    "deepseek-v2": {**LATENT, "architectures": ["DeepseekV2ForCausalLM"], "q_lora_rank": None},
    "deepseek-v3": {**LATENT, "architectures": ["DeepseekV3ForCausalLM"], "q_lora_rank": 201, "attention_bias": True},
}


def config_of(family: str, **changes: Any) -> dict[str, Any]:
    """The content of a config.json."""
    values = {**SHAPE, **FAMILIES[family], **changes}
    return {GPT2_FIELDS.get(name, name): value for name, value in values.items()} if family == "gpt2" else values


def model_of(family: str, **changes: Any) -> ModelConfig:
    """The decoder of a config.json."""
    return read_model_config(HfConfig(config_of(family, **changes)))


def write_config(folder: Path, family: str, **changes: Any) -> None:
    """Makes a folder that ``--load-format dummy`` serves."""
    (folder / "config.json").write_text(json.dumps(config_of(family, **changes)))
