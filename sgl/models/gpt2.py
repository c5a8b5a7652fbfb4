"""GPT-2: learned positions, LayerNorm, biases everywhere, no gate, matrices stored as [inputs, outputs]."""

from __future__ import annotations

from typing import Final

from sgl.config.decoder import checkpoint_dtype, read_activation
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.config.names import WeightNames
from sgl.errors import UnsupportedModel

NORM_EPS: Final = 1e-5
INNER_FACTOR: Final = 4
"""Defaults of transformers' GPT2Config."""
NAMES: Final = WeightNames(
    embedding="wte",
    positions="wpe",
    layers="h",
    norm="ln_f",
    before_attention="ln_1",
    before_mlp="ln_2",
    qkv=("attn.c_attn",),
    output="attn.c_proj",
    gate_up=("mlp.c_fc",),
    down="mlp.c_proj",
    transposed=True,
    aliases=(("transformer.", ""),),
)
"""As in OpenAI's checkpoint; those that transformers saved begin with ``transformer.``."""
MASKS: Final = ("h.*.attn.bias", "h.*.attn.masked_bias")
"""Causal masks, which older checkpoints hold as buffers."""


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads a GPT-2 config.json.

    ``reorder_and_upcast_attn`` changes how scores are rounded in half precision, not what is computed: here they are
    float32 in any case.
    """
    hf.only("scale_attn_by_inverse_layer_idx", False)
    hf.only("add_cross_attention", False, why="there is no encoder")
    width, heads, layers = hf.positive("n_embd"), hf.positive("n_head"), hf.positive("n_layer")
    if width % heads:
        raise UnsupportedModel(f"{hf.source}: n_embd ({width}) is no multiple of n_head ({heads})")
    return ModelConfig(
        architecture=architecture,
        model_type=hf.read("model_type", str, ""),
        vocab_size=hf.positive("vocab_size"),
        hidden_size=width,
        intermediate_size=hf.positive("n_inner", default=INNER_FACTOR * width),
        num_layers=layers,
        num_heads=heads,
        num_kv_heads=heads,
        head_dim=width // heads,
        norm="layer",
        norm_eps=hf.read("layer_norm_epsilon", float, NORM_EPS),
        max_position=hf.positive("n_positions"),
        rope=None,
        windows=(None,) * layers,
        qkv_bias=True,
        output_bias=True,
        mlp_bias=True,
        attention_scale=None if hf.read("scale_attn_weights", bool, True) else 1.0,
        activation=read_activation(hf, "activation_function", "gelu_new"),
        gated=False,
        tie_embeddings=hf.read("tie_word_embeddings", bool, True),
        names=NAMES,
        checkpoint_dtype=checkpoint_dtype(hf),
        ignored_weights=MASKS,
    )
