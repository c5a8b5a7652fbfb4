"""Reads what all Llama-like decoders share from a config.json; a family file says what differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sgl.config.hf import HfConfig
from sgl.config.model import Activation, ModelConfig, QkNorm
from sgl.config.rope import RopeConfig, read_rope, rotated
from sgl.errors import UnsupportedModel

ACTIVATIONS: Final[dict[str, Activation]] = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
}
"""transformers' names (``ACT2FN``); the three of ``gelu_tanh`` are one formula, written in different ways."""


def read_decoder(
    hf: HfConfig,
    architecture: str,
    *,
    windows: tuple[int | None, ...] | None = None,
    qkv_bias: bool = False,
    output_bias: bool = False,
    mlp_bias: bool = False,
    qk_norm: QkNorm | None = None,
    head_dim_default: int | None = None,
    activation: Activation | None = None,
    rotary_factor: float | None = None,
) -> ModelConfig:
    """A decoder with Llama's parts and names; `dataclasses.replace` gives it those of a family.

    Args:
        head_dim_default: Without ``head_dim``; None is hidden_size / heads.
        activation: What the family read itself; None is ``hidden_act``, SiLU by default.
        rotary_factor: The share of a head that is rotated where config.json does not say. None is for families whose
            authors' code rotates whole heads whatever it says.

    Raises:
        UnsupportedModel: A field is missing, of the wrong type, inconsistent or not implemented.
    """
    hidden_size = hf.positive("hidden_size")
    num_layers = hf.positive("num_hidden_layers")
    num_heads = hf.positive("num_attention_heads")
    num_kv_heads = hf.positive("num_key_value_heads", default=num_heads)
    if num_heads % num_kv_heads:
        raise UnsupportedModel(
            f"{hf.source}: num_attention_heads ({num_heads}) is no multiple of num_key_value_heads ({num_kv_heads})"
        )
    if not hf.has("head_dim") and head_dim_default is None and hidden_size % num_heads:
        raise UnsupportedModel(
            f"{hf.source}: hidden_size ({hidden_size}) is no multiple of num_attention_heads ({num_heads})"
        )
    head_dim = hf.positive("head_dim", default=head_dim_default or hidden_size // num_heads)
    rope = _partial(read_rope(hf), hf, head_dim, rotary_factor)
    return ModelConfig(
        architecture=architecture,
        model_type=hf.read("model_type", str, ""),
        vocab_size=hf.positive("vocab_size"),
        hidden_size=hidden_size,
        intermediate_size=hf.positive("intermediate_size"),
        num_layers=num_layers,
        num_heads=num_heads,
        num_kv_heads=num_kv_heads,
        head_dim=head_dim,
        norm_eps=hf.read("rms_norm_eps", float, 1e-6),
        max_position=hf.positive("max_position_embeddings"),
        rope=rope,
        windows=windows if windows is not None else (None,) * num_layers,
        qkv_bias=qkv_bias,
        output_bias=output_bias,
        mlp_bias=mlp_bias,
        qk_norm=qk_norm,
        activation=activation if activation is not None else read_activation(hf, "hidden_act", "silu"),
        tie_embeddings=hf.read("tie_word_embeddings", bool, False),
        checkpoint_dtype=checkpoint_dtype(hf),
    )


def read_activation(hf: HfConfig, name: str, default: str) -> Activation:
    """The nonlinearity that field ``name`` names.

    Raises:
        UnsupportedModel: It is not implemented.
    """
    hf.only(name, *ACTIVATIONS)
    return ACTIVATIONS[hf.read(name, str, default)]


def _partial(rope: RopeConfig, hf: HfConfig, head_dim: int, default: float | None) -> RopeConfig:
    """``rope`` for the leading part of each head that ``partial_rotary_factor`` leaves."""
    scaling = hf.section("rope_parameters") or hf.section("rope_scaling")
    holder = scaling if scaling is not None and scaling.has("partial_rotary_factor") else hf
    if default is None:
        holder.only("partial_rotary_factor", 1.0, 1)
    factor = holder.read("partial_rotary_factor", float, default or 1.0)
    if not 0 < factor <= 1:
        raise UnsupportedModel(f"{holder.source}: 'partial_rotary_factor' must be above 0 and at most 1, not {factor}")
    partial = rope if factor == 1 else replace(rope, dim=int(head_dim * factor))
    rotated(partial, head_dim, hf.source)
    return partial


def read_windows(hf: HfConfig, num_layers: int, window: int | None, first_sliding: int = 0) -> tuple[int | None, ...]:
    """Sliding window per layer from ``layer_types`` when given, else by layer index.

    Args:
        window: Window in tokens, or None when no layer slides.
        first_sliding: Without ``layer_types``, layers from this index on slide.
    """
    types = hf.raw("layer_types")
    if types is None:
        return tuple(window if index >= first_sliding else None for index in range(num_layers))
    if not isinstance(types, list) or len(types) != num_layers:
        raise UnsupportedModel(f"{hf.source}: 'layer_types' must list {num_layers} layers")
    known = {"full_attention", "sliding_attention"}
    unknown = [kind for kind in types if kind not in known]
    if unknown:
        raise UnsupportedModel(f"{hf.source}: layer type {unknown[0]!r} is not implemented; known: {sorted(known)}")
    if "sliding_attention" in types and window is None:
        raise UnsupportedModel(f"{hf.source}: 'layer_types' names sliding layers but 'sliding_window' is absent")
    return tuple(window if kind == "sliding_attention" else None for kind in types)


def checkpoint_dtype(hf: HfConfig) -> str | None:
    """The type of the weights, as config.json names it."""
    name = hf.read("dtype", str, "") or hf.read("torch_dtype", str, "")
    return name.removeprefix("torch.") or None
