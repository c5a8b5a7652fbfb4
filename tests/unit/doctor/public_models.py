"""Well-known models: values of their config.json and what their cards say, typed in by hand; folders without data."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True)
class PublicModel:
    """One model.

    Attributes:
        config: What matters of its config.json.
        parameters: As Hugging Face counts them on its page.
        kv_bytes: Of one token in bfloat16: 2 * layers * KV heads * head width * 2, or what MLA keeps.
        served: Whether this version has its architecture.
    """

    name: str
    config: Mapping[str, Any]
    parameters: int
    kv_bytes: int
    served: bool = True


def _decoder(architecture: str, model_type: str, *sizes: int, **more: Any) -> dict[str, Any]:
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
    known = dict(zip((*names, "vocab_size", "max_position_embeddings"), sizes, strict=True))
    return {"architectures": [architecture], "model_type": model_type, "dtype": "bfloat16", **known, **more}


_LLAMA3_ROPE: Final = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}

PUBLIC_MODELS: Final = (
    PublicModel(
        "meta-llama/Llama-3.1-8B",
        _decoder(
            "LlamaForCausalLM",
            "llama",
            4096,
            14336,
            32,
            32,
            8,
            128256,
            131072,
            rope_theta=500000.0,
            rope_scaling=_LLAMA3_ROPE,
        ),
        8_030_261_248,
        128 * 1024,
    ),
    PublicModel(
        "Qwen/Qwen3-0.6B",
        _decoder(
            "Qwen3ForCausalLM", "qwen3", 1024, 3072, 28, 16, 8, 151936, 40960, head_dim=128, tie_word_embeddings=True
        ),
        596_049_920,
        112 * 1024,
    ),
    PublicModel(
        "Qwen/Qwen3-8B",
        _decoder("Qwen3ForCausalLM", "qwen3", 4096, 12288, 36, 32, 8, 151936, 40960, head_dim=128),
        8_190_735_360,
        144 * 1024,
    ),
    PublicModel(
        "Qwen/Qwen3-32B",
        _decoder("Qwen3ForCausalLM", "qwen3", 5120, 25600, 64, 64, 8, 151936, 40960, head_dim=128),
        32_762_123_264,
        256 * 1024,
    ),
    PublicModel(
        "Qwen/Qwen2.5-0.5B",
        _decoder("Qwen2ForCausalLM", "qwen2", 896, 4864, 24, 14, 2, 151936, 32768, tie_word_embeddings=True),
        494_032_768,
        12 * 1024,
    ),
    PublicModel(
        "mistralai/Mistral-7B-v0.3",
        _decoder("MistralForCausalLM", "mistral", 4096, 14336, 32, 32, 8, 32768, 32768),
        7_248_023_552,
        128 * 1024,
    ),
    PublicModel(
        "deepseek-ai/DeepSeek-V3",
        _decoder(
            "DeepseekV3ForCausalLM",
            "deepseek_v3",
            7168,
            18432,
            61,
            128,
            128,
            129280,
            163840,
            kv_lora_rank=512,
            qk_rope_head_dim=64,
        ),
        684_531_386_000,
        70_272,
        served=False,
    ),
    PublicModel(
        "google/gemma-2-9b",
        _decoder(
            "Gemma2ForCausalLM", "gemma2", 3584, 14336, 42, 16, 8, 256000, 8192, head_dim=256, sliding_window=4096
        ),
        9_241_705_984,
        336 * 1024,
    ),
    PublicModel(
        "CohereLabs/c4ai-command-r7b-12-2024",
        _decoder(
            *("Cohere2ForCausalLM", "cohere2", 4096, 14336, 32, 32, 8, 256000, 8192),
            sliding_window=4096,
            sliding_window_pattern=4,
        ),
        8_028_033_024,
        128 * 1024,
        served=False,
    ),
    PublicModel(
        "mistralai/Mixtral-8x7B-v0.1",
        _decoder("MixtralForCausalLM", "mixtral", 4096, 14336, 32, 32, 8, 32000, 32768),
        46_702_792_704,
        128 * 1024,
        served=False,
    ),
)
BY_NAME: Final = {model.name: model for model in PUBLIC_MODELS}


def make_public_folder(folder: Path, model: PublicModel, tensors: Mapping[str, tuple[int, ...]] | None = None) -> Path:
    """config.json and a weight file with a true header and a hole where the data would be: it takes no disk.

    Args:
        tensors: Name -> shape in bfloat16; None is one tensor with all parameters.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"eos_token_id": 2, **model.config}))
    header: dict[str, Any] = {}
    at = 0
    for name, shape in (tensors or {"all": (model.parameters,)}).items():
        end = at + 2 * prod(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + at)
    return folder


def llama_tensors(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The tensors of a Llama, Mistral, Qwen2, Qwen3 or Gemma 2 checkpoint, as the files on the hub name them."""
    hidden, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    width = config.get("head_dim", hidden // heads)
    tensors: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (config["vocab_size"], hidden)}
    for layer in range(layers):
        prefix = f"model.layers.{layer}"
        attention = f"{prefix}.self_attn"
        for name, count in (("q", heads), ("k", kv_heads), ("v", kv_heads)):
            tensors[f"{attention}.{name}_proj.weight"] = (count * width, hidden)
            if config["model_type"] == "qwen2":
                tensors[f"{attention}.{name}_proj.bias"] = (count * width,)
        tensors[f"{attention}.o_proj.weight"] = (hidden, heads * width)
        if config["model_type"] == "qwen3":
            tensors |= {f"{attention}.{name}_norm.weight": (width,) for name in ("q", "k")}
        tensors |= {f"{prefix}.mlp.{name}_proj.weight": (inner, hidden) for name in ("gate", "up")}
        tensors[f"{prefix}.mlp.down_proj.weight"] = (hidden, inner)
        norms = ["input_layernorm", "post_attention_layernorm"]
        if config["model_type"] == "gemma2":
            norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
        tensors |= {f"{prefix}.{name}.weight": (hidden,) for name in norms}
    tensors["model.norm.weight"] = (hidden,)
    if not config.get("tie_word_embeddings", config["model_type"] == "gemma2"):
        tensors["lm_head.weight"] = (config["vocab_size"], hidden)
    return tensors
