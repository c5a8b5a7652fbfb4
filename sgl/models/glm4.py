"""GLM-4: half of each head is rotated, pairs side by side; gate and up are one matrix; biases on q, k and v.

The 2025 release (``Glm4ForCausalLM``) has norms on both sides of each block, the one before (``GlmForCausalLM``)
only in front.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sgl.config.decoder import read_decoder
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.config.names import WeightNames

HEAD_DIM: Final = 128
ROTARY_FACTOR: Final = 0.5
NORM_EPS: Final = 1.5625e-07
"""Defaults of transformers' GlmConfig and Glm4Config."""
NAMES: Final = WeightNames(gate_up=("mlp.gate_up_proj",))
NAMES_OF_4: Final = replace(NAMES, after_attention="post_self_attn_layernorm", after_mlp="post_mlp_layernorm")


def read_glm(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads the config.json of GLM-4's first release."""
    decoder = read_decoder(
        hf.with_defaults(rms_norm_eps=NORM_EPS),
        architecture,
        qkv_bias=hf.read("attention_bias", bool, True),
        head_dim_default=HEAD_DIM,
        rotary_factor=ROTARY_FACTOR,
    )
    assert decoder.rope is not None, "read_decoder has one"
    return replace(decoder, rope=replace(decoder.rope, interleaved=True), names=NAMES)


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads a GLM-4 config.json."""
    return replace(read_glm(hf, architecture), names=NAMES_OF_4)
