"""GPT-OSS 20b and 120b: experts in every layer, attention sinks, a window on every second layer, YaRN.

The published files hold the experts in MXFP4, which are expanded when they are loaded (`sgl.weights.mxfp4`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sgl.config.decoder import read_decoder, read_windows
from sgl.config.experts import ExpertsConfig, checked
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.errors import UnsupportedModel

HEAD_DIM: Final = 64
CHOSEN: Final = 4
THETA: Final = 150000.0
WINDOW: Final = 128
NORM_EPS: Final = 1e-5
"""Where config.json does not say (transformers' GptOssConfig)."""


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads a GPT-OSS config.json."""
    if not hf.has("rope_scaling") and not hf.has("rope_parameters"):
        raise UnsupportedModel(f"{hf.source} lacks 'rope_scaling', which GPT-OSS needs")
    hf.only("hidden_act", "silu")
    hf.only("swiglu_limit", 7.0)
    hf.only("swiglu_alpha", 1.702)
    biases = hf.read("attention_bias", bool, True)
    plain = read_decoder(
        hf.with_defaults(rope_theta=THETA, rms_norm_eps=NORM_EPS),
        architecture,
        windows=_windows(hf),
        qkv_bias=biases,
        output_bias=biases,
        head_dim_default=HEAD_DIM,
        activation="clamped_silu",
    )
    experts = ExpertsConfig(
        count=hf.positive("num_local_experts"),
        chosen=hf.positive("num_experts_per_tok", default=CHOSEN),
        intermediate_size=plain.intermediate_size,
        layers=(True,) * plain.num_layers,
        router_bias=True,
        bias=True,
        stacked=True,
    )
    hf.only("experts_per_token", experts.chosen, why="num_experts_per_tok says otherwise")
    names = replace(plain.names, router="mlp.router")
    return replace(plain, sinks=True, experts=checked(experts, hf.source), names=names)


def _windows(hf: HfConfig) -> tuple[int | None, ...]:
    """From ``layer_types``, or of every second layer, the first among them."""
    num_layers = hf.positive("num_hidden_layers")
    window = hf.positive("sliding_window", default=WINDOW)
    if hf.has("layer_types"):
        return read_windows(hf, num_layers, window)
    return tuple(window if layer % 2 == 0 else None for layer in range(num_layers))
