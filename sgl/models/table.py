"""Architecture name -> the family that reads its config.json.

Torch-free: naming the supported architectures and planning memory costs no model import.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig, ReadFamily
from sgl.config.quantized.read import read_quantization
from sgl.config.quantized.tensors import check_stored
from sgl.errors import UnsupportedModel
from sgl.models.outside import is_outside, read_outside
from sgl.registry import Table

FAMILIES = Table(
    "architecture",
    {
        "DeepseekV2ForCausalLM": "sgl.models.deepseek_v2:read",
        "DeepseekV3ForCausalLM": "sgl.models.deepseek_v3:read",
        "GPT2LMHeadModel": "sgl.models.gpt2:read",
        "Gemma2ForCausalLM": "sgl.models.gemma2:read",
        "Gemma3ForCausalLM": "sgl.models.gemma3:read",
        "Gemma3ForConditionalGeneration": "sgl.models.gemma3:read_text",
        "GemmaForCausalLM": "sgl.models.gemma:read",
        "Glm4ForCausalLM": "sgl.models.glm4:read",
        "GlmForCausalLM": "sgl.models.glm4:read_glm",
        "GptOssForCausalLM": "sgl.models.gpt_oss:read",
        "LlamaForCausalLM": "sgl.models.llama:read",
        "MistralForCausalLM": "sgl.models.mistral:read",
        "MixtralForCausalLM": "sgl.models.mixtral:read",
        "Olmo2ForCausalLM": "sgl.models.olmo2:read",
        "Phi3ForCausalLM": "sgl.models.phi3:read",
        "Qwen2ForCausalLM": "sgl.models.qwen2:read",
        "Qwen2MoeForCausalLM": "sgl.models.qwen2_moe:read",
        "Qwen3ForCausalLM": "sgl.models.qwen3:read",
        "Qwen3MoeForCausalLM": "sgl.models.qwen3_moe:read",
    },
    error=UnsupportedModel,
)


def served_architecture(names: Iterable[str]) -> str | None:
    """The first that is in the table, else the first that an installed package reads."""
    names = tuple(names)
    return next((name for name in names if name in FAMILIES), None) or next(filter(is_outside, names), None)


def read_model_config(hf: HfConfig) -> ModelConfig:
    """Chooses the family by ``architectures`` and reads the rest.

    Raises:
        UnsupportedModel: No known architecture is named, or a value is not implemented.
    """
    names = hf.raw("architectures")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UnsupportedModel(f"{hf.source} names no architecture ('architectures' is absent or empty)")
    name = served_architecture(names) or names[0]
    read = read_outside if name not in FAMILIES and is_outside(name) else cast(ReadFamily, FAMILIES.load(name))
    model = replace(read(hf, name), quantization=read_quantization(hf))
    check_stored(model)
    return model
