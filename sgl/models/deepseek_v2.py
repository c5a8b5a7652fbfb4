"""DeepSeek-V2: latent attention, experts with a shared one, and a softmax router that may choose within groups.

transformers ignores two fields that DeepSeek's own code reads, as this does: ``moe_layer_freq``, and
``norm_topk_prob``, which takes the place of ``routed_scaling_factor``.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from sgl.config.decoder import read_decoder
from sgl.config.experts import ExpertsConfig, checked
from sgl.config.hf import HfConfig
from sgl.config.latent import LatentConfig
from sgl.config.model import ModelConfig
from sgl.config.rope import RopeConfig, rotated, yarn_attention_factor
from sgl.errors import UnsupportedModel

Q_RANK: Final = 1536
"""Default of both config classes; null in config.json is no compression of queries."""


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads a DeepSeek-V2 config.json."""
    hf.only("scoring_func", "softmax")
    hf.only("topk_method", "greedy", "group_limited_greedy")
    hf.only("mlp_bias", False)
    decoder = read_latent(hf, architecture, interleaved=True)
    experts = read_experts(hf, decoder.num_layers, first_dense=0)
    if experts is None:
        return decoder
    if hf.raw("topk_method") == "group_limited_greedy":
        groups, chosen = hf.positive("n_group"), hf.positive("topk_group")
        experts = checked(replace(experts, groups=groups, chosen_groups=chosen), hf.source)
    normalize = hf.read("norm_topk_prob", bool, False) and experts.chosen > 1
    scale = 1.0 if normalize else hf.read("routed_scaling_factor", float, 1.0)
    return replace(decoder, experts=replace(experts, normalize=normalize, scale=scale))


def read_latent(hf: HfConfig, architecture: str, *, interleaved: bool) -> ModelConfig:
    """The decoder without its experts; ``interleaved`` says that rotated pairs lie side by side."""
    latent = LatentConfig(
        q_rank=hf.nullable("q_lora_rank", int, Q_RANK),
        kv_rank=hf.positive("kv_lora_rank"),
        nope_dim=hf.positive("qk_nope_head_dim"),
        rope_dim=hf.positive("qk_rope_head_dim"),
        value_dim=hf.positive("v_head_dim"),
    )
    if latent.q_rank is not None and latent.q_rank <= 0:
        raise UnsupportedModel(f"{hf.source}: 'q_lora_rank' must be above 0 or null, not {latent.q_rank}")
    # All heads read the one vector, and the rotated part has a width of its own.
    hf.only("num_key_value_heads", hf.positive("num_attention_heads"))
    attention_bias = hf.read("attention_bias", bool, False)
    decoder = read_decoder(
        hf.replaced(head_dim=latent.nope_dim + latent.rope_dim),
        architecture,
        qkv_bias=attention_bias,
        output_bias=attention_bias,
    )
    assert decoder.rope is not None, "read_decoder has one"
    rope = replace(decoder.rope, dim=latent.rope_dim, interleaved=interleaved)
    rotated(rope, decoder.head_dim, hf.source)
    return replace(decoder, latent=latent, rope=rope, attention_scale=_scale(hf, rope, decoder.head_dim))


def _scale(hf: HfConfig, rope: RopeConfig, head_dim: int) -> float:
    """Of attention scores: YaRN's factor for all of a head is applied to queries and keys, so it is squared here."""
    scaling = hf.section("rope_scaling" if hf.raw("rope_scaling") else "rope_parameters")
    all_dim = 0.0 if scaling is None or rope.kind == "default" else scaling.read("mscale_all_dim", float, 0.0)
    factor = yarn_attention_factor(rope.factor, all_dim) if all_dim else 1.0
    return factor * factor / math.sqrt(head_dim)


def read_experts(hf: HfConfig, num_layers: int, *, first_dense: int) -> ExpertsConfig | None:
    """The experts, apart from how scores become weights and choices; None where no layer has them.

    Args:
        first_dense: ``first_k_dense_replace`` where config.json does not say.
    """
    first = hf.read("first_k_dense_replace", int, first_dense)
    every = hf.positive("moe_layer_freq", default=1)
    layers = tuple(layer >= first and layer % every == 0 for layer in range(num_layers))
    if not any(layers):
        return None
    inner = hf.positive("moe_intermediate_size")
    return checked(
        ExpertsConfig(
            count=hf.positive("n_routed_experts"),
            chosen=hf.positive("num_experts_per_tok"),
            intermediate_size=inner,
            layers=layers,
            shared_size=hf.read("n_shared_experts", int, 0) * inner,
        ),
        hf.source,
    )
