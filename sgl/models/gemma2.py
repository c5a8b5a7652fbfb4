"""Gemma 2: Gemma with norms on both sides of each block, windows on every other layer, and soft caps."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sgl.config.decoder import read_activation, read_decoder, read_windows
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.config.names import WeightNames
from sgl.models.gemma import HEAD_DIM, as_gemma

WINDOW: Final = 4096
PRE_ATTENTION_SCALAR: Final = 256
"""Defaults of transformers' Gemma2Config and Gemma3TextConfig."""
ATTENTION_CAP: Final = 50.0
LOGIT_CAP: Final = 30.0
"""Defaults of transformers' Gemma2Config; null in config.json turns them off."""
NAMES: Final = WeightNames(
    after_attention="post_attention_layernorm",
    before_mlp="pre_feedforward_layernorm",
    after_mlp="post_feedforward_layernorm",
)


def read_gemma2(hf: HfConfig, architecture: str, period: int) -> ModelConfig:
    """What Gemma 2 and 3 share.

    Args:
        period: Without ``layer_types``, every so-many-th layer sees everything and the others slide.
    """
    hf.only("use_bidirectional_attention", False, why="attention that is not causal")
    layers = range(hf.positive("num_hidden_layers"))
    types = ["full_attention" if (layer + 1) % period == 0 else "sliding_attention" for layer in layers]
    windowed = hf if hf.has("layer_types") else hf.replaced(layer_types=types)
    attention_bias = hf.read("attention_bias", bool, False)
    decoder = read_decoder(
        hf.with_defaults(tie_word_embeddings=True),
        architecture,
        windows=read_windows(windowed, len(layers), hf.positive("sliding_window", default=WINDOW)),
        qkv_bias=attention_bias,
        output_bias=attention_bias,
        head_dim_default=HEAD_DIM,
        activation=read_activation(hf, "hidden_activation", "gelu_pytorch_tanh"),
    )
    scalar = hf.positive("query_pre_attn_scalar", default=PRE_ATTENTION_SCALAR)
    return replace(as_gemma(decoder), attention_scale=scalar**-0.5, names=NAMES)


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads a Gemma 2 config.json."""
    return replace(
        read_gemma2(hf, architecture, period=2),
        attention_softcap=hf.nullable("attn_logit_softcapping", float, ATTENTION_CAP),
        logit_softcap=hf.nullable("final_logit_softcapping", float, LOGIT_CAP),
    )
