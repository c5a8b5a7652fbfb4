"""Phi-3 and Phi-4-mini: q, k and v are one matrix, gate and up another; optionally a part of each head is rotated."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sgl.config.decoder import read_decoder
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.config.names import WeightNames

NORM_EPS: Final = 1e-5
"""Default of transformers' Phi3Config."""
NAMES: Final = WeightNames(qkv=("self_attn.qkv_proj",), gate_up=("mlp.gate_up_proj",))


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads a Phi-3 config.json."""
    hf.only("attention_bias", False, why="Phi-3's projections have none")
    hf.only("mlp_bias", False, why="Phi-3's projections have none")
    window = hf.positive("sliding_window") if hf.has("sliding_window") else None
    decoder = read_decoder(
        hf.with_defaults(rms_norm_eps=NORM_EPS),
        architecture,
        windows=(window,) * hf.positive("num_hidden_layers"),
        rotary_factor=1.0,
    )
    return replace(decoder, names=NAMES)
