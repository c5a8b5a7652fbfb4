"""Tiny quantised checkpoints: transformers' models, their matrices drawn as codes of a format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    GptOssConfig,
    GptOssForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
)

from tests.zoo.deepseek import v3
from tests.zoo.family import VOCAB
from tests.zoo.formats import FORMATS, Format

SHAPE: Final[dict[str, Any]] = {
    "vocab_size": VOCAB,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
KEPT: Final = ("embed_tokens", "lm_head", "norm", "mlp.gate.", "mlp.router.", "shared_expert_gate")
"""Parts of the names of tensors that no scheme is for."""


def llama() -> PreTrainedModel:
    return LlamaForCausalLM(LlamaConfig(**SHAPE, attention_bias=True, mlp_bias=True))


def qwen2() -> PreTrainedModel:
    return Qwen2ForCausalLM(Qwen2Config(**SHAPE))


def wide() -> PreTrainedModel:
    """Matrices as large as those that are held as 4-bit codes."""
    widths = {"hidden_size": 512, "intermediate_size": 512, "num_hidden_layers": 1, "num_key_value_heads": 4}
    return Qwen2ForCausalLM(Qwen2Config(**{**SHAPE, **widths}))


def qwen3_moe() -> PreTrainedModel:
    mixed = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "head_dim": 32}
    return Qwen3MoeForCausalLM(Qwen3MoeConfig(**SHAPE, **mixed))


def gpt_oss() -> PreTrainedModel:
    """All experts of a layer in one tensor, [inputs, outputs] each, with biases."""
    widths = {"hidden_size": 64, "intermediate_size": 32, "head_dim": 16, "sliding_window": 9}
    return GptOssForCausalLM(GptOssConfig(**{**SHAPE, **widths}, num_local_experts=4, num_experts_per_tok=2))


def deepseek_v3() -> PreTrainedModel:
    """Its kv_b_proj is taken apart, so every format must give the matrix, too."""
    latent = {"kv_lora_rank": 32, "q_lora_rank": 64, "qk_nope_head_dim": 24, "qk_rope_head_dim": 8, "v_head_dim": 16}
    experts = {"moe_intermediate_size": 64, "n_group": 4, "topk_group": 2}
    return v3(**{**SHAPE, "num_key_value_heads": 4, **latent, **experts})()


MIXED: Final = ("gptq-desc-act", "awq", "w4a16", "fp8-blocks", "w8a8")
"""Formats that a mixture of experts is stored in."""
ROWS: Final[tuple[tuple[Format, Callable[[], PreTrainedModel]], ...]] = (
    *((form, (llama, qwen2)[number % 2]) for number, form in enumerate(FORMATS)),
    *((form, make) for make in (qwen3_moe, deepseek_v3) for form in FORMATS if form.name in MIXED),
)


def quantised(
    form: Format,
    make: Callable[[], PreTrainedModel],
    folder: Path,
    kept: tuple[str, ...] = KEPT,
    *,
    rounds: bool = False,
) -> PreTrainedModel:
    """Writes a quantised checkpoint into a folder, and returns a model of the weights that it stands for.

    Args:
        rounds: Activations are rounded on their way.
    """
    torch.manual_seed(sum(form.name.encode()))
    model = make()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.6, 1.4)
            elif "lm_head" in name and (form.activations or rounds):
                # Rounding moves hidden states by percents; logits of a trained model are not that wide either.
                parameter.normal_(0.0, 0.02)
            else:
                parameter.normal_(0.0, 1.0 if "mlp.gate." in name else 0.2)
    dense = folder / "dense"
    model.save_pretrained(dense)
    tensors = load_file(dense / "model.safetensors")
    random = np.random.default_rng(17)
    stored: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        if tensor.dim() == 1 or any(part in name for part in kept):
            stored[name] = tensor
            continue
        own = form.draw(random, *tensor.shape)
        stored |= {f"{name.removesuffix('weight')}{suffix}": part for suffix, part in own.items()}
        tensors[name] = torch.from_numpy(form.meaning(own))
    save_file(tensors, dense / "model.safetensors", metadata={"format": "pt"})
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((dense / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": form.config}))
    return AutoModelForCausalLM.from_pretrained(dense, dtype=torch.float32).eval()
