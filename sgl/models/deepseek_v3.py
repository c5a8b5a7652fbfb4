"""DeepSeek-V3 and R1: V2 with a sigmoid router whose choice within groups is corrected by a learned bias.

The layers after the last one predict further tokens (``num_nextn_predict_layers``); they are not used.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sgl.config.experts import checked
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.models.deepseek_v2 import read_experts, read_latent

FIRST_DENSE: Final = 3
GROUPS: Final = 8
CHOSEN_GROUPS: Final = 4
SCALE: Final = 2.5
"""Defaults of DeepSeek's and of transformers' config class."""
GROUP_TOP: Final = 2
"""A group's score is the sum of so many of its best; both codes have it as a number."""
PREDICTION_LAYERS: Final = 1


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads a DeepSeek-V3 config.json."""
    hf.only("scoring_func", "sigmoid")
    hf.only("topk_method", "noaux_tc")
    decoder = read_latent(hf, architecture, interleaved=hf.read("rope_interleave", bool, True))
    further = hf.read("num_nextn_predict_layers", int, PREDICTION_LAYERS)
    unused = tuple(f"{decoder.names.layers}.{decoder.num_layers + index}.*" for index in range(further))
    decoder = replace(decoder, ignored_weights=(*decoder.ignored_weights, *unused))
    experts = read_experts(hf, decoder.num_layers, first_dense=FIRST_DENSE)
    if experts is None:
        return decoder
    groups, chosen = hf.positive("n_group", default=GROUPS), hf.positive("topk_group", default=CHOSEN_GROUPS)
    experts = replace(
        experts,
        groups=groups,
        chosen_groups=chosen,
        group_top=GROUP_TOP,
        score="sigmoid",
        correction=True,
        normalize=hf.read("norm_topk_prob", bool, True),
        scale=hf.read("routed_scaling_factor", float, SCALE),
    )
    return replace(decoder, experts=checked(experts, hf.source))
