"""Gemma: norms whose scale is 1 + weight, a scaled embedding that is the head as well, GELU, wide heads."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import Final

from sgl.config.decoder import read_decoder
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig

HEAD_DIM: Final = 256
"""Gemma's default head width; it is independent of hidden_size / num_attention_heads."""
GELU: Final = ("gelu", "gelu_pytorch_tanh")
"""The first checkpoints say ``gelu`` and were trained with the other (transformers' GemmaConfig)."""


def as_gemma(model: ModelConfig) -> ModelConfig:
    """What all generations of Gemma have of their own."""
    return replace(model, norm="rms_plus_one", embedding_scale=sqrt(model.hidden_size))


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads a Gemma config.json."""
    hf.only("use_bidirectional_attention", False, why="attention that is not causal")
    hf.only("hidden_act", *GELU)
    hf.only("hidden_activation", *GELU)
    attention_bias = hf.read("attention_bias", bool, False)
    return as_gemma(
        read_decoder(
            hf.with_defaults(tie_word_embeddings=True),
            architecture,
            qkv_bias=attention_bias,
            output_bias=attention_bias,
            head_dim_default=HEAD_DIM,
            activation="gelu_tanh",
        )
    )
