"""Mixtral 8x7B and 8x22B: Mistral with two of eight experts in every layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sgl.config.experts import ExpertsConfig, checked
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.models import mistral

THETA: Final = 1e6
NORM_EPS: Final = 1e-5
"""Where config.json does not say (transformers' MixtralConfig)."""


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads a Mixtral config.json. Its weights have the names of the authors' code: w1 is the gate, w3 multiplies."""
    plain = mistral.read(hf.with_defaults(rope_theta=THETA, rms_norm_eps=NORM_EPS), architecture)
    experts = ExpertsConfig(
        count=hf.positive("num_local_experts"),
        chosen=hf.positive("num_experts_per_tok", default=2),
        intermediate_size=plain.intermediate_size,
        layers=(True,) * plain.num_layers,
    )
    names = replace(
        plain.names,
        router="block_sparse_moe.gate",
        experts="block_sparse_moe.experts",
        expert_gate_up=("w1", "w3"),
        expert_down="w2",
    )
    return replace(plain, experts=checked(experts, hf.source), names=names)
