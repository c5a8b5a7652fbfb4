"""Small model folders, whole or broken in one way: a one-layer Llama with the built-in model's tokenizer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors.numpy import save_file

from sgl import builtin

SMALL_FILES: Final = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json")
CONFIG: Final[dict[str, Any]] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "dtype": "float32",
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "vocab_size": 2048,
    "rms_norm_eps": 1e-5,
    "eos_token_id": 2,
}
SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "model.embed_tokens.weight": (2048, 16),
    "model.layers.0.input_layernorm.weight": (16,),
    "model.layers.0.self_attn.q_proj.weight": (16, 16),
    "model.layers.0.self_attn.k_proj.weight": (8, 16),
    "model.layers.0.self_attn.v_proj.weight": (8, 16),
    "model.layers.0.self_attn.o_proj.weight": (16, 16),
    "model.layers.0.post_attention_layernorm.weight": (16,),
    "model.layers.0.mlp.gate_proj.weight": (32, 16),
    "model.layers.0.mlp.up_proj.weight": (32, 16),
    "model.layers.0.mlp.down_proj.weight": (16, 32),
    "model.norm.weight": (16,),
    "lm_head.weight": (2048, 16),
}


def make_folder(
    folder: Path, config: Mapping[str, Any] | None = None, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> Path:
    """A folder that can be served.

    Args:
        folder: Where; it is made.
        config: Fields that differ; a value of None takes the field away.
        shapes: Tensors that differ.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in SMALL_FILES:
        shutil.copy(builtin.folder() / name, folder)
    values = {key: value for key, value in {**CONFIG, **(config or {})}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(values))
    write_weights(folder / "model.safetensors", {**SHAPES, **(shapes or {})})
    return folder


def write_weights(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """A safetensors file of zeros."""
    save_file({name: np.zeros(shape, dtype=np.float32) for name, shape in shapes.items()}, path)


def write_shards(folder: Path, parts: int = 3) -> list[Path]:
    """Replaces the one weight file by several with an index."""
    (folder / "model.safetensors").unlink()
    names = list(SHAPES)
    files, weight_map = [], {}
    for part in range(parts):
        file = f"model-{part + 1:05}-of-{parts:05}.safetensors"
        mine = names[part::parts]
        write_weights(folder / file, {name: SHAPES[name] for name in mine})
        weight_map.update(dict.fromkeys(mine, file))
        files.append(folder / file)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return files
