"""Qwen3-MoE: Qwen3 with experts in some layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sgl.config.decoder import read_decoder
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.models.qwen2_moe import read_qwen_experts

CHOSEN: Final = 8
"""Where config.json does not say (transformers' Qwen3MoeConfig)."""


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads a Qwen3-MoE config.json. Unlike the dense Qwen3, a head is hidden_size / heads wide by default."""
    hf.only("layer_types", why="Qwen3-MoE slides on every layer or on none")
    attention_bias = hf.read("attention_bias", bool, False)
    slides = hf.read("use_sliding_window", bool, False) and hf.has("sliding_window")
    plain = read_decoder(
        hf,
        architecture,
        windows=(hf.positive("sliding_window") if slides else None,) * hf.positive("num_hidden_layers"),
        qkv_bias=attention_bias,
        output_bias=attention_bias,
        qk_norm="head",
    )
    return replace(plain, experts=read_qwen_experts(hf, plain.num_layers, CHOSEN))
