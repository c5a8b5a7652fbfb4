"""Qwen3 (dense): RMSNorm over each q and k head before rope; biases only when asked for."""

from __future__ import annotations

from typing import Final

from sgl.config.decoder import read_decoder
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.models.qwen2 import read_qwen_windows

HEAD_DIM: Final = 128
"""Qwen3's default head width; it is independent of hidden_size / num_attention_heads."""


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads a Qwen3 config.json."""
    attention_bias = hf.read("attention_bias", bool, False)
    return read_decoder(
        hf,
        architecture,
        windows=read_qwen_windows(hf),
        qkv_bias=attention_bias,
        output_bias=attention_bias,
        qk_norm="head",
        head_dim_default=HEAD_DIM,
    )
