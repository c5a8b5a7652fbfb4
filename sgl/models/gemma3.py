"""Gemma 3: Gemma 2 with norms on q and k, five sliding layers to a full one, each kind with its own rope.

Of a checkpoint that sees (``Gemma3ForConditionalGeneration``) the language model is served and the rest not loaded.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.config.rope import RopeConfig, read_rope
from sgl.errors import UnsupportedModel
from sgl.models.gemma2 import read_gemma2

PERIOD: Final = 6
THETA: Final = 1_000_000.0
LOCAL_THETA: Final = 10_000.0
TEXT: Final[dict[str, Any]] = {
    "vocab_size": 262208,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 131072,
}
"""Defaults of transformers' Gemma3TextConfig, which the ``text_config`` of published checkpoints leaves out."""
BESIDE_TEXT: Final = (
    "vision_tower.*",
    "multi_modal_projector.*",
    "model.vision_tower.*",
    "model.multi_modal_projector.*",
)
ALIASES: Final = (
    ("language_model.model.", "model."),
    ("language_model.lm_head.", "lm_head."),
    ("model.language_model.", "model."),
)
"""What transformers 4 and 5 put before the language model's names."""


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads the config.json of a Gemma 3 without eyes."""
    hf.only("attn_logit_softcapping", why="Gemma 3's attention has no soft cap")
    full, local = _ropes(hf)
    plain = hf.replaced(rope_parameters=None, rope_scaling=None, rope_theta=None)
    pattern = hf.positive("sliding_window_pattern", default=PERIOD)
    return replace(
        read_gemma2(plain, architecture, period=pattern),
        qk_norm="head",
        rope=full,
        local_rope=local,
        logit_softcap=hf.nullable("final_logit_softcapping", float, None),
    )


def read_text(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads the language model's part of the config.json of a Gemma 3 that sees."""
    text = hf.section("text_config")
    if text is None:
        raise UnsupportedModel(f"{hf.source} lacks 'text_config', which {architecture} needs")
    outer = {name: hf.raw(name) for name in ("dtype", "torch_dtype") if hf.has(name)}
    model = read(text.with_defaults(**TEXT, **outer), architecture)
    return replace(
        model,
        tie_embeddings=hf.read("tie_word_embeddings", bool, model.tie_embeddings),
        names=replace(model.names, aliases=ALIASES),
        ignored_weights=(*model.ignored_weights, *BESIDE_TEXT),
    )


def _ropes(hf: HfConfig) -> tuple[RopeConfig, RopeConfig]:
    """Of full layers and of sliding ones, as transformers 4 (flat fields) and 5 (one object per type) write them."""
    kinds = hf.section("rope_parameters")
    if kinds is not None and not kinds.has("full_attention"):
        raise UnsupportedModel(f"{kinds.source}: 'full_attention' is absent; Gemma 3 has a rope per type of layer")
    ropes = () if kinds is None else (kinds.section("full_attention"), kinds.section("sliding_attention"))
    for rope in ropes:
        if rope is not None:
            rope.only("partial_rotary_factor", 1.0, 1)
    local = hf.replaced(rope_theta=hf.raw("rope_local_base_freq"), rope_scaling=None)
    return (
        read_rope(hf, layer_type="full_attention", theta=THETA),
        read_rope(local, layer_type="sliding_attention", theta=LOCAL_THETA),
    )
