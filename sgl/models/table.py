"""Architecture name -> the family that reads its config.json.

Torch-free: naming the supported architectures and planning memory costs no model import.
"""

from __future__ import annotations

from typing import cast

from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig, ReadFamily
from sgl.errors import UnsupportedModel
from sgl.registry import Table

FAMILIES = Table(
    "architecture",
    {
        "LlamaForCausalLM": "sgl.models.llama:read",
        "MistralForCausalLM": "sgl.models.mistral:read",
        "Qwen2ForCausalLM": "sgl.models.qwen2:read",
        "Qwen3ForCausalLM": "sgl.models.qwen3:read",
    },
    error=UnsupportedModel,
)


def read_model_config(hf: HfConfig) -> ModelConfig:
    """Chooses the family by ``architectures`` and reads the rest.

    Raises:
        UnsupportedModel: No known architecture is named, or a value is not implemented.
    """
    names = hf.raw("architectures")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UnsupportedModel(f"{hf.source} names no architecture ('architectures' is absent or empty)")
    name = next((name for name in names if name in FAMILIES), names[0])
    read = cast(ReadFamily, FAMILIES.load(name))
    return read(hf, name)
