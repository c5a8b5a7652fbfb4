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
}


def config_of(family: str, **changes: Any) -> dict[str, Any]:
    """The content of a config.json."""
    return {**SHAPE, **FAMILIES[family], **changes}


def model_of(family: str, **changes: Any) -> ModelConfig:
    """The decoder of a config.json."""
    return read_model_config(HfConfig(config_of(family, **changes)))


def write_config(folder: Path, family: str, **changes: Any) -> None:
    """Makes a folder that ``--load-format dummy`` serves."""
    (folder / "config.json").write_text(json.dumps(config_of(family, **changes)))
