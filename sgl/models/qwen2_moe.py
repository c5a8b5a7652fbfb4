"""Qwen1.5-MoE and Qwen2-MoE: Qwen2 with experts in some layers, and one more expert for every token behind a gate."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sgl.config.decoder import read_decoder, read_windows
from sgl.config.experts import ExpertsConfig, checked
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.errors import UnsupportedModel

MAX_WINDOW_LAYERS: Final = 28
CHOSEN: Final = 4
"""Where config.json does not say (transformers' Qwen2MoeConfig)."""


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads a Qwen2-MoE config.json."""
    plain = read_decoder(hf, architecture, windows=_windows(hf), qkv_bias=hf.read("qkv_bias", bool, True))
    experts = replace(
        read_qwen_experts(hf, plain.num_layers, CHOSEN),
        shared_size=hf.positive("shared_expert_intermediate_size"),
        shared_gate=True,
    )
    return replace(plain, experts=experts, names=replace(plain.names, shared="mlp.shared_expert"))


def read_qwen_experts(hf: HfConfig, num_layers: int, chosen_default: int) -> ExpertsConfig:
    """What Qwen's mixtures share.

    Every ``decoder_sparse_step``-th layer has experts, unless ``mlp_only_layers`` names it.

    Raises:
        UnsupportedModel: A field is missing or inconsistent.
    """
    step, dense = hf.positive("decoder_sparse_step", default=1), _mlp_only_layers(hf)
    experts = ExpertsConfig(
        # transformers 5 writes the second name for Qwen3-MoE.
        count=hf.positive("num_experts" if hf.has("num_experts") else "num_local_experts"),
        chosen=hf.positive("num_experts_per_tok", default=chosen_default),
        intermediate_size=hf.positive("moe_intermediate_size"),
        layers=tuple((layer + 1) % step == 0 and layer not in dense for layer in range(num_layers)),
        normalize=hf.read("norm_topk_prob", bool, False),
    )
    return checked(experts, hf.source)


def _mlp_only_layers(hf: HfConfig) -> list[int]:
    layers = hf.raw("mlp_only_layers") or []
    if not isinstance(layers, list) or not all(type(layer) is int for layer in layers):
        raise UnsupportedModel(f"{hf.source}: 'mlp_only_layers' must be a list of layer numbers")
    return layers


def _windows(hf: HfConfig) -> tuple[int | None, ...]:
    """As transformers reads it: of the layers before ``max_window_layers`` every second one slides."""
    num_layers = hf.positive("num_hidden_layers")
    if not hf.read("use_sliding_window", bool, False):
        # sliding_window may be 0 then, and layer_types must not name it.
        return read_windows(hf, num_layers, None)
    window = hf.positive("sliding_window")
    if hf.has("layer_types"):
        return read_windows(hf, num_layers, window)
    last = hf.read("max_window_layers", int, MAX_WINDOW_LAYERS)
    return tuple(window if layer < last and layer % 2 == 0 else None for layer in range(num_layers))
