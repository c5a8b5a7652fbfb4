"""OLMo 2: norms after each block instead of before, RMSNorm over the whole width of q and k, float32 rope."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sgl.config.decoder import read_decoder
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.config.names import WeightNames

NORM_EPS: Final = 1e-5
"""Default of transformers' Olmo2Config."""
NAMES: Final = WeightNames(
    before_attention=None,
    after_attention="post_attention_layernorm",
    before_mlp=None,
    after_mlp="post_feedforward_layernorm",
)


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads an OLMo 2 config.json."""
    hf.only("clip_qkv", why="a field of the first OLMo")
    attention_bias = hf.read("attention_bias", bool, False)
    decoder = read_decoder(
        hf.with_defaults(rms_norm_eps=NORM_EPS),
        architecture,
        qkv_bias=attention_bias,
        output_bias=attention_bias,
        qk_norm="width",
    )
    assert decoder.rope is not None, "read_decoder has one"
    return replace(decoder, norm="rms_float", rope=replace(decoder.rope, wide=True), names=NAMES)
